from fieldapp.kernel.manifest import FeatureManifest
from fieldapp.platform.web.extension_points import LINKS, Entry

manifest = FeatureManifest(
    provides=(LINKS.by(Entry("salaries", "Salaries", "/salaries", "salary.view")),),
)
