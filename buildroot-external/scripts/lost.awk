# awk -f lost.awk ASKED .config: the symbols asked for that .config does not have so.
/^# BR2_[A-Za-z0-9_]+ is not set$/ { symbol = $2; value = "n" }
/^BR2_[A-Za-z0-9_]+=/ { symbol = substr($0, 1, index($0, "=") - 1); value = substr($0, index($0, "=") + 1) }
symbol == "" { next }
FNR == NR {
	if (!(symbol in asked)) order[++last] = symbol
	asked[symbol] = value
}
FNR != NR { found[symbol] = value }
{ symbol = "" }
END {
	for (i = 1; i <= last; i++) {
		symbol = order[i]
		have = (symbol in found) ? found[symbol] : "n"
		# A list holds upstream's entries before ours.
		whole = asked[symbol]
		gsub(/^"|"$/, "", whole)
		if (have != asked[symbol] && !(length(whole) && substr(have, 1, 1) == "\"" && index(have, whole "\"") > 1))
			print symbol "=" asked[symbol]
	}
}
