from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import PACK, TILES, Entry

manifest = FeatureManifest(
    grants={"technician": ("tool_check.view", "tool_check.record"), "leader": ("tool_check.view", "tool_check.record")},
    provides=(
        TILES.by(Entry("tool_check", "Check the tools", "/tool-checks/new", "tool_check.record")),
        PACK.by(lambda actor: ["/tool-checks", "/tool-checks/new"]),
    ),
)
