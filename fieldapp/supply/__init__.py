"""What the work needs: parts."""
