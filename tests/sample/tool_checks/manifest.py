from fieldapp.kernel.manifest import Entry, FeatureManifest, PackEntry

manifest = FeatureManifest(
    grants={"technician": ("tool_check.view", "tool_check.record"), "leader": ("tool_check.view", "tool_check.record")},
    tiles=(Entry("tool_check", "Check the tools", "/tool-checks/new", "tool_check.record"),),
    pack=lambda actor: [PackEntry("/tool-checks", "1"), PackEntry("/tool-checks/new", "1")],
)
