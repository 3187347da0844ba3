"""The tables of people that come by name: what they hold, in the words of those who published them."""

from dataclasses import replace

from smoothkit_fairness.data.source import Attribute, Source

UCI = "https://archive.ics.uci.edu/dataset"
CLEANED = "https://github.com/tailequy/fairness_dataset (experiments/data)"
"""Tables cleaned for T. Le Quy et al., A survey on datasets for fairness-aware machine learning, WIREs 2022."""

AGES = (25, 45)
"""Where ages are cut: under 25, 25 to 44, 45 and over."""

SEX = Attribute(column="sex")

ADULT = Source(
    name="adult",
    file="fairness/adult.data",
    test_file="fairness/adult.test",
    skip_first_line=("fairness/adult.test",),
    origin=f"{UCI}/2/adult",
    columns=(
        *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship"),
        *("race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income"),
    ),
    label="income",
    # The test part ends each line with a full stop.
    classes={"<=50K": "up to 50K", ">50K": "over 50K", "<=50K.": "up to 50K", ">50K.": "over 50K"},
    numbers=("age", "education-num", "capital-gain", "capital-loss", "hours-per-week"),
    categories=("workclass", "marital-status", "occupation", "relationship", "race", "sex", "native-country"),
    protected={"sex": SEX, "race": Attribute(column="race"), "age": Attribute(column="age", cuts=AGES)},
)

COMPAS = Source(
    name="compas",
    file="fairness/compas-scores-two-years.csv",
    origin="https://github.com/propublica/compas-analysis",
    label="two_year_recid",
    classes={0: "no new charge", 1: "new charge"},
    numbers=("age", "juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count"),
    categories=("sex", "race", "c_charge_degree"),
    protected={
        "race": Attribute(column="race"),
        "sex": SEX,
        "age": Attribute(column="age", cuts=AGES),
    },
    filters=("days_b_screening_arrest", "is_recid", "score_text"),
)

COMPAS_WITH_SCORE = replace(COMPAS, numbers=(*COMPAS.numbers, "decile_score"))

GERMAN = Source(
    name="german",
    file="fairness/german.data",
    origin=f"{UCI}/144/statlog+german+credit+data",
    columns=(
        *("account", "months", "history", "purpose", "amount", "savings", "employment", "instalment rate"),
        *("personal status and sex", "other debtors", "residence since", "property", "age", "other instalments"),
        *("housing", "credits here", "job", "dependants", "telephone", "foreign worker", "risk"),
    ),
    label="risk",
    classes={1: "good", 2: "bad"},
    numbers=("months", "amount", "instalment rate", "residence since", "age", "credits here", "dependants"),
    categories=(
        *("account", "history", "purpose", "savings", "employment", "personal status and sex", "other debtors"),
        *("property", "other instalments", "housing", "job", "telephone", "foreign worker"),
    ),
    protected={
        "sex": Attribute(
            column="personal status and sex",
            words={"A91": "male", "A92": "female", "A93": "male", "A94": "male", "A95": "female"},
        ),
        # The cut of F. Kamiran and T. Calders, Classifying without discriminating, 2009: up to 25 is young.
        "age": Attribute(column="age", cuts=(26,)),
    },
)

LAW_SCHOOL = Source(
    name="law-school",
    file="fairness/survey/law_school_clean.csv",
    origin=CLEANED,
    label="pass_bar",
    classes={0: "failed", 1: "passed"},
    numbers=("decile1b", "decile3", "lsat", "ugpa", "zfygpa", "zgpa", "fam_inc", "tier"),
    categories=("fulltime", "male", "race"),
    protected={"race": Attribute(column="race"), "sex": Attribute(column="male", words={1: "male", 0: "female"})},
)

DUTCH = Source(
    name="dutch",
    file="fairness/survey/dutch.csv",
    origin=CLEANED,
    label="occupation",
    classes={0: "other occupation", 1: "high-level occupation"},
    # Both are codes of ranges, in ascending order.
    numbers=("age", "edu_level"),
    categories=(
        *("sex", "household_position", "household_size", "prev_residence_place", "citizenship", "country_birth"),
        *("economic_status", "cur_eco_activity", "marital_status"),
    ),
    protected={"sex": SEX},
)

BANK = Source(
    name="bank",
    file="fairness/survey/bank-full.csv",
    origin=CLEANED,
    label="y",
    classes={"no": "no deposit", "yes": "deposit"},
    numbers=("age", "balance", "day", "campaign", "pdays", "previous"),
    categories=(*("job", "marital", "education", "default", "housing", "loan", "contact", "month", "poutcome"),),
    protected={"marital": Attribute(column="marital"), "age": Attribute(column="age", cuts=(25, 60))},
)

CREDIT_DEFAULT = Source(
    name="credit-default",
    file="fairness/survey/credit-card-clients.csv",
    origin=CLEANED,
    label="default payment",
    classes={0: "paid", 1: "default"},
    numbers=(
        *("LIMIT_BAL", "AGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"),
        *(f"BILL_AMT{month}" for month in range(1, 7)),
        *(f"PAY_AMT{month}" for month in range(1, 7)),
    ),
    categories=("SEX", "EDUCATION", "MARRIAGE"),
    protected={
        "sex": Attribute(column="SEX", words={1: "male", 2: "female"}),
        "education": Attribute(
            column="EDUCATION",
            words={
                **{1: "graduate school", 2: "university", 3: "high school"},
                # 0, 5 and 6 are in the file, though its description knows 4 alone, "others".
                **dict.fromkeys((0, 4, 5, 6), "other education"),
            },
        ),
        "marriage": Attribute(
            column="MARRIAGE", words={1: "married", 2: "single", 0: "other status", 3: "other status"}
        ),
        "age": Attribute(column="AGE", cuts=AGES),
    },
)

OULAD = Source(
    name="oulad",
    file="fairness/survey/oulad_clean.csv",
    origin=CLEANED,
    label="final_result",
    classes={"Fail": "fail", "Pass": "pass"},
    numbers=("num_of_prev_attempts", "studied_credits"),
    categories=(
        *("code_module", "code_presentation", "gender", "region", "highest_education", "imd_band", "age_band"),
        "disability",
    ),
    protected={
        "sex": Attribute(column="gender", words={"M": "male", "F": "female"}),
        "disability": Attribute(column="disability", words={"N": "no disability", "Y": "disability"}),
        "age": Attribute(column="age_band", words={"0-35": "under 35", "35-55": "35 to 55", "55<=": "over 55"}),
    },
)

COMMUNITIES = Source(
    name="communities",
    file="fairness/survey/communities_crime.csv",
    origin=CLEANED,
    label="class",
    classes={0: "low rate", 1: "high rate"},
    # All but the names and numbers of states, towns and folds, and the rate of violent crimes, of which the label is
    # made. Each is a share of the range over all communities.
    numbers=(
        *("population", "householdsize", "racepctblack", "racePctWhite", "racePctAsian", "racePctHisp", "agePct12t21"),
        *("agePct12t29", "agePct16t24", "agePct65up", "numbUrban", "pctUrban", "medIncome", "pctWWage"),
        *("pctWFarmSelf", "pctWInvInc", "pctWSocSec", "pctWPubAsst", "pctWRetire", "medFamInc", "perCapInc"),
        *("whitePerCap", "blackPerCap", "indianPerCap", "AsianPerCap", "HispPerCap", "NumUnderPov", "PctPopUnderPov"),
        *("PctLess9thGrade", "PctNotHSGrad", "PctBSorMore", "PctUnemployed", "PctEmploy", "PctEmplManu"),
        *("PctEmplProfServ", "PctOccupManu", "PctOccupMgmtProf", "MalePctDivorce", "MalePctNevMarr", "FemalePctDiv"),
        *("TotalPctDiv", "PersPerFam", "PctFam2Par", "PctKids2Par", "PctYoungKids2Par", "PctTeen2Par"),
        *("PctWorkMomYoungKids", "PctWorkMom", "NumIlleg", "PctIlleg", "NumImmig", "PctImmigRecent", "PctImmigRec5"),
        *("PctImmigRec8", "PctImmigRec10", "PctRecentImmig", "PctRecImmig5", "PctRecImmig8", "PctRecImmig10"),
        *("PctSpeakEnglOnly", "PctNotSpeakEnglWell", "PctLargHouseFam", "PctLargHouseOccup", "PersPerOccupHous"),
        *("PersPerOwnOccHous", "PersPerRentOccHous", "PctPersOwnOccup", "PctPersDenseHous", "PctHousLess3BR"),
        *("MedNumBR", "HousVacant", "PctHousOccup", "PctHousOwnOcc", "PctVacantBoarded", "PctVacMore6Mos"),
        *("MedYrHousBuilt", "PctHousNoPhone", "PctWOFullPlumb", "OwnOccLowQuart", "OwnOccMedVal", "OwnOccHiQuart"),
        *("RentLowQ", "RentMedian", "RentHighQ", "MedRent", "MedRentPctHousInc", "MedOwnCostPctInc"),
        *("MedOwnCostPctIncNoMtg", "NumInShelters", "NumStreet", "PctForeignBorn", "PctBornSameState"),
        *("PctSameHouse85", "PctSameCity85", "PctSameState85", "LandArea", "PopDens", "PctUsePubTrans"),
        "LemasPctOfficDrugUn",
    ),
    categories=("Black",),
    # Whether racepctblack is at least 0.06.
    protected={
        "black": Attribute(
            column="Black", words={0: "fewer black residents", 1: "more black residents"}, copies=("racepctblack",)
        )
    },
)

STUDENT = Source(
    name="student",
    file="fairness/survey/student_por_new.csv",
    origin=CLEANED,
    label="class",
    classes={"Low": "low grade", "High": "high grade"},
    numbers=(
        *("age", "Medu", "Fedu", "traveltime", "studytime", "failures", "famrel", "freetime", "goout", "Dalc", "Walc"),
        *("health", "absences", "G1", "G2"),
    ),
    categories=(
        *(
            "school",
            "sex",
            "address",
            "famsize",
            "Pstatus",
            "Mjob",
            "Fjob",
            "reason",
            "guardian",
            "schoolsup",
            "famsup",
        ),
        *("paid", "activities", "nursery", "higher", "internet", "romantic"),
    ),
    protected={"sex": Attribute(column="sex", words={"F": "female", "M": "male"})},
)

RICCI = Source(
    name="ricci",
    file="fairness/survey/ricci_race.csv",
    origin=CLEANED,
    label="Promoted",
    classes={-1: "not promoted", 1: "promoted"},
    numbers=("Oral", "Written", "Combine"),
    categories=("Position", "Race"),
    protected={"race": Attribute(column="Race")},
)
