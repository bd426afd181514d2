from fieldapp.kernel.offers import Entry, Offer

offer = Offer(links=(Entry("salaries", "Salaries", "/salaries", "salary.view"),))
