from fieldapp.kernel.manifest import Entry, FeatureManifest

manifest = FeatureManifest(links=(Entry("salaries", "Salaries", "/salaries", "salary.view"),))
