# awk -f lost.awk ASKED .config Config.in.legacy: the symbols asked for that .config does
# not have so, and those that upstream only knows to say that they are gone.
FNR == 1 { file++ }
/^# BR2_[A-Za-z0-9_]+ is not set$/ { symbol = $2; value = "n" }
/^BR2_[A-Za-z0-9_]+=/ { symbol = substr($0, 1, index($0, "=") - 1); value = substr($0, index($0, "=") + 1) }
file == 3 && /^config BR2_/ { symbol = $2 }
symbol == "" { next }
file == 1 {
	if (!(symbol in asked)) order[++last] = symbol
	asked[symbol] = value
}
file == 2 { found[symbol] = value }
file == 3 { gone[symbol] = 1 }
{ symbol = "" }

function nothing(value) { return value == "n" || value == "\"\"" }

# A symbol that holds a list has upstream's entries before ours.
function ends_so(have, wanted) {
	wanted = " " substr(wanted, 2)
	return length(have) > length(wanted) && substr(have, length(have) - length(wanted) + 1) == wanted
}

END {
	for (i = 1; i <= last; i++) {
		symbol = order[i]
		wanted = asked[symbol]
		have = (symbol in found) ? found[symbol] : "n"
		if (nothing(wanted) && nothing(have)) continue
		if ((symbol in gone) || (have != wanted && !ends_so(have, wanted))) print symbol "=" wanted
	}
}
