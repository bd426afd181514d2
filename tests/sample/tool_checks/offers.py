from fieldapp.kernel.offers import Entry, Offer, PackEntry

offer = Offer(
    tiles=(Entry("tool_check", "Check the tools", "/tool-checks/new", "tool_check.record"),),
    pack=lambda actor: [PackEntry("/tool-checks", "1"), PackEntry("/tool-checks/new", "1")],
)
