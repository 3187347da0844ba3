"""Tables of people that come by name, each read from a file that lies below the folder of data sets.

Leaving the protected attributes out of the inputs (`group_inputs = false`) does not make a model blind to them: what
goes with them in the other columns still tells them.
"""

from pathlib import Path
from typing import Literal

import pandas as pd

from smoothkit.data import Dataset
from smoothkit_fairness.data import sources
from smoothkit_fairness.data.source import load

COMPAS_WINDOW = 30
"""Days between arrest and screening within which a score is taken to be about that arrest."""


def adult(
    root: Path, groups: tuple[Literal["sex", "race", "age"], ...] = ("sex",), group_inputs: bool = True
) -> Dataset:
    """Adult: does a person earn over 50,000 dollars a year? US census of 1994, 32,561 + 16,281 rows, 24 % yes.

    Read from `root/fairness/adult.data` and `adult.test`, the published parts. Left out of the inputs: `fnlwgt`, how
    many people of the population a row stands for, which says nothing of the person; and `education`, the words for
    `education-num`. `relationship` holds "Husband" and "Wife", and so tells the sex of many where it is no input.

    Source: B. Becker and R. Kohavi, Adult, UCI repository, 1996; licence CC BY 4.0.
    """
    return load(sources.ADULT, root, groups, group_inputs)


def compas(
    root: Path,
    groups: tuple[Literal["race", "sex", "age"], ...] = ("race",),
    group_inputs: bool = True,
    usual_filter: bool = True,
    decile_score: bool = False,
) -> Dataset:
    """COMPAS: is a defendant charged anew within two years? Broward County, Florida, 2013-14; 6,172 rows, 46 % yes.

    Read from `root/fairness/compas-scores-two-years.csv`; always the same 30 % are the test part. Inputs: age, sex,
    race, counts of earlier charges (four columns) and the degree of the charge (felony or misdemeanour); with
    `decile_score` also the score 1 to 10 that the county was sold. What happened later is never an input.

    Few columns tell these people apart: 61 % of the test rows have the inputs of some training row, so intervals for
    other test rows are of rows that are less new to a model than they take them for.

    The usual filter is ProPublica's: screened within 30 days of the arrest, an outcome that could be traced, a charge
    that could lead to jail, a score given. Without it there are 7,214 rows, 45 % yes.

    Source: J. Larson et al., How we analyzed the COMPAS recidivism algorithm, ProPublica, 2016. Public records; the
    publisher states no licence. A new charge is not a new crime: who is charged depends on who is watched.
    """
    source = sources.COMPAS_WITH_SCORE if decile_score else sources.COMPAS
    return load(source, root, groups, group_inputs, _usual if usual_filter else None)


def german(root: Path, groups: tuple[Literal["sex", "age"], ...] = ("sex",), group_inputs: bool = True) -> Dataset:
    """German credit: is a person a bad credit risk? A bank's records of the 1970s; 1,000 rows, 30 % bad.

    Read from `root/fairness/german.data`; always the same 30 % are the test part. Sex is known from the column of
    personal status alone, which is left out with it. The attribute age has two groups: under 26, and 26 and over.

    Source: H. Hofmann, Statlog (German credit data), UCI repository, 1994; licence CC BY 4.0.
    """
    return load(sources.GERMAN, root, groups, group_inputs)


def law_school(
    root: Path, groups: tuple[Literal["race", "sex"], ...] = ("race",), group_inputs: bool = True
) -> Dataset:
    """Law school: does a student pass the bar exam? US schools, 1991-97; 20,798 rows, 89 % yes.

    Read from `root/fairness/survey/law_school_clean.csv`; always the same 30 % are the test part.

    Source: L. Wightman, LSAC national longitudinal bar passage study, 1998, cleaned by T. Le Quy et al., 2022; no
    licence is stated.
    """
    return load(sources.LAW_SCHOOL, root, groups, group_inputs)


def dutch(root: Path, groups: tuple[Literal["sex"], ...] = ("sex",), group_inputs: bool = True) -> Dataset:
    """Dutch census: has a person a high-level occupation? Netherlands, 2001; 60,420 rows, 48 % yes.

    Read from `root/fairness/survey/dutch.csv`; always the same 30 % are the test part. Codes are categories, but for
    those of age and education, which ascend. 82 % of the test rows have the inputs of some training row.

    Source: Statistics Netherlands, census of 2001, cleaned by T. Le Quy et al., 2022; no licence is stated.
    """
    return load(sources.DUTCH, root, groups, group_inputs)


def bank(
    root: Path, groups: tuple[Literal["marital", "age"], ...] = ("marital",), group_inputs: bool = True
) -> Dataset:
    """Bank marketing: does a client take a deposit after a call? Portugal, 2008-13; 40,004 rows, 12 % yes.

    Read from `root/fairness/survey/bank-full.csv`; always the same 30 % are the test part. The call's duration is no
    input: it is known only when the answer is. The attribute age has three groups, cut at 25 and 60.

    Source: S. Moro et al., Bank marketing, UCI repository, 2012, without the divorced, as cleaned by T. Le Quy et al.,
    2022; licence CC BY 4.0.
    """
    return load(sources.BANK, root, groups, group_inputs)


def credit_default(
    root: Path,
    groups: tuple[Literal["sex", "education", "marriage", "age"], ...] = ("sex",),
    group_inputs: bool = True,
) -> Dataset:
    """Credit default: does a client fail to pay next month? Taiwan, 2005; 30,000 rows, 22 % yes.

    Read from `root/fairness/survey/credit-card-clients.csv`; always the same 30 % are the test part.

    Source: I-C. Yeh, Default of credit card clients, UCI repository, 2009; licence CC BY 4.0.
    """
    return load(sources.CREDIT_DEFAULT, root, groups, group_inputs)


def oulad(
    root: Path, groups: tuple[Literal["sex", "disability", "age"], ...] = ("sex",), group_inputs: bool = True
) -> Dataset:
    """OULAD: does a student pass a course? Open University, 2013-14; 21,562 rows, 68 % yes.

    Read from `root/fairness/survey/oulad_clean.csv`; always the same 30 % are the test part. A row is one course of a
    student: 1,246 rows are of students who have an earlier one, and may be in the other part.

    Source: J. Kuzilek et al., Open university learning analytics dataset, 2017, cleaned by T. Le Quy et al., 2022;
    licence CC BY 4.0.
    """
    return load(sources.OULAD, root, groups, group_inputs)


def communities(root: Path, groups: tuple[Literal["black"], ...] = ("black",), group_inputs: bool = True) -> Dataset:
    """Communities and crime: has a US community much violent crime? 1990-95; 1,994 rows, 6 % yes.

    Read from `root/fairness/survey/communities_crime.csv`; always the same 30 % are the test part. A row is a town, and
    its group says whether 6 % or more of the range of shares of black residents live there; the share itself is left
    out with it. The rate of violent crimes, of which the label is made, is no input.

    Source: M. Redmond, Communities and crime, UCI repository, 2002, cleaned by T. Le Quy et al., 2022; licence CC BY
    4.0.
    """
    return load(sources.COMMUNITIES, root, groups, group_inputs)


def student(root: Path, groups: tuple[Literal["sex"], ...] = ("sex",), group_inputs: bool = True) -> Dataset:
    """Student: does a pupil finish Portuguese with a high grade? Two schools in Portugal, 2005-06; 649 rows, 85 % yes.

    Read from `root/fairness/survey/student_por_new.csv`; always the same 30 % are the test part. The grades of the
    first two terms are inputs, and tell much of the last.

    Source: P. Cortez, Student performance, UCI repository, 2008, cleaned by T. Le Quy et al., 2022; licence CC BY 4.0.
    """
    return load(sources.STUDENT, root, groups, group_inputs)


def ricci(root: Path, groups: tuple[Literal["race"], ...] = ("race",), group_inputs: bool = True) -> Dataset:
    """Ricci: is a firefighter promoted after an exam? New Haven, 2003; 118 rows, 47 % yes.

    Read from `root/fairness/survey/ricci_race.csv`; always the same 30 %, 35 rows, are the test part: too few to tell
    much. Promoted are those whose `Combine` is at least 70, so a model can be perfect.

    Source: the records of Ricci v. DeStefano, US Supreme Court, 2009, cleaned by T. Le Quy et al., 2022; no licence is
    stated.
    """
    return load(sources.RICCI, root, groups, group_inputs)


def _usual(frame: pd.DataFrame) -> pd.Series:
    """ProPublica's choice of COMPAS rows."""
    return (
        frame["days_b_screening_arrest"].between(-COMPAS_WINDOW, COMPAS_WINDOW)
        & (frame["is_recid"] != -1)
        & (frame["c_charge_degree"] != "O")
        & frame["score_text"].notna()
    )
