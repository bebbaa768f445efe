# awk -f asked.awk .config FRAGMENT...: the options that the fragments ask for and the
# kernel's .config has not so. What is asked for as a module may be built in.
/^# CONFIG_[A-Za-z0-9_]+ is not set$/ { option = $2; value = "n" }
/^CONFIG_[A-Za-z0-9_]+=/ { option = substr($0, 1, index($0, "=") - 1); value = substr($0, index($0, "=") + 1) }
option == "" { next }
NR == FNR { found[option] = value }
NR != FNR {
	if (!(option in asked)) order[++last] = option
	asked[option] = value
}
{ option = "" }

END {
	for (i = 1; i <= last; i++) {
		option = order[i]
		have = (option in found) ? found[option] : "n"
		if (have != asked[option] && !(asked[option] == "m" && have == "y"))
			printf "%s %s=%s", (lost++ ? "," : ""), option, asked[option]
	}
}
