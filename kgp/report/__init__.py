"""Pictures, pages and result files of runs, slices and cases."""
