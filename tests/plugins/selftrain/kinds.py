"""Small trainings that between them do everything that the trainer can."""

VIEWS = ("views.weak=[{name='crop', padding=1}]", "views.strong=[{name='crop', padding=1}, {name='noise', std=0.3}]")
AVERAGE = ("train.average=0.9", "pseudo.teacher=average")
KINDS = {
    "as it comes": (),
    "average teacher, views, alignment, gaussian": (
        *(*VIEWS, *AVERAGE, "pseudo.alignment=uniform", "select.weights=gaussian", "train.mean_over=selected"),
        *("data.held_out=30", "evaluate.round=held-out"),
    ),
    "rounds that restart, measured": (
        *("train.restart=true", "pseudo.relabel=round", "train.average=0.9", "data.held_out=30"),
        *("pseudo.target=measured-ls", "select={rule='k-best', k_best=40}", "pseudo.alignment=labelled"),
    ),
    "frozen teacher, sharpened": (
        *("pseudo.teacher=frozen", "pseudo.labels=soft", "pseudo.temperature=0.5", "target=ls", "select={rule='all'}"),
        "train.unlabelled_weight={shape='linear', start=0.0, end=1.0}",
    ),
    "previous teacher, per class, adaptive": (
        *("pseudo.teacher=previous", "select={rule='per-class', threshold=0.2}", "pseudo.target=adaptive-ls"),
        *("train.optimizer=sgd", "train.lr=0.3", "train.schedule=linear"),
    ),
    "mixup, self-adaptive": (*VIEWS, "train.mixup=0.5", "select={rule='self-adaptive', decay=0.5}"),
    "never, learned targets": (
        *("pseudo.relabel=never", "target=ls++", "pseudo.target=ls++", "select={rule='share', share=0.4}"),
        "train.supervised_steps=7",
    ),
    "no round 0, online target": ("train.supervised_steps=0", "train.steps=10", "pseudo.target=ols"),
}
