# awk -v lists="BR2_X ..." -f merge.awk: one line for each symbol, the last one given; of the
# symbols in lists all that was given.
function name(line) {
	if (line ~ /^# BR2_[A-Za-z0-9_]+ is not set$/) return substr(line, 3, length(line) - 13)
	if (line ~ /^BR2_[A-Za-z0-9_]+=/) return substr(line, 1, index(line, "=") - 1)
	return ""
}
BEGIN {
	count = split(lists, names, " ")
	for (i = 1; i <= count; i++) list[names[i]] = 1
}
(symbol = name($0)) != "" {
	if (!(symbol in line)) order[++last] = symbol
	else if ((symbol in list) && line[symbol] != symbol "=\"\"") {
		before = line[symbol]
		sub(/"$/, " ", before)
		sub(/^[^"]*"/, "")
		$0 = before $0
	}
	line[symbol] = $0
}
END { for (i = 1; i <= last; i++) print line[order[i]] }
