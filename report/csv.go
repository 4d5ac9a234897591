package report

// CSVCell makes a stranger's text safe in a spreadsheet: what begins like a
// formula is quoted, and nothing hidden remains.
func CSVCell(s string) string { return csvCell(s) }
