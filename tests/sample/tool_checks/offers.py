from fieldapp.kernel.offers import Entry, Offer

offer = Offer(
    grants={"technician": ("tool_check.view", "tool_check.record"), "leader": ("tool_check.view", "tool_check.record")},
    tiles=(Entry("tool_check", "Check the tools", "/tool-checks/new", "tool_check.record"),),
    pack=lambda actor: ["/tool-checks", "/tool-checks/new"],
)
