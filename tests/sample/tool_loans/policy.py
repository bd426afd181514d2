from fieldapp.kernel.states import Machine, State, Tone

TOOL_LOAN = Machine(
    {
        "submitted": State("Waiting for approval", Tone.WAITING),
        "approved": State("Approved", Tone.GOOD, final=True),
        "rejected": State("Rejected", Tone.BAD, final=True),
    },
    {("submitted", "approved"): "approved", ("submitted", "rejected"): "rejected"},
    start="submitted",
)
