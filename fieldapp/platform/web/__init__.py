"""What every page is made with: rendering, forms from schemas, lists, guards, headers, error pages."""
