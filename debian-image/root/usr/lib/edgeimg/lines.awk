# Each line of a model's service: with the model's name before it to the console, and as it is to
# the log. -v name=MODEL -v log_to=PROGRAM; with told=0 the first answer is told to descriptor 3.

# The app waits for a console, and a UART may carry 11,520 characters a second: of a long line it
# gets the beginning, and after the first answers one a second. The log gets all.
function show(now) {
	if (/^\{/ && ++answers > 20) {
		getline now <"/proc/uptime"
		close("/proc/uptime")
		if (int(now) == shown) return
		shown = int(now)
	}
	print name ": " (length($0) > 1000 ? substr($0, 1, 1000) " ..." : $0)
	fflush()
}

function keep() {
	if (held) { printf "%s", held | log_to; fflush(log_to) }
	held = ""
}

function tell() {
	# Not the answer itself, which may be longer than a FIFO that nobody reads any more.
	if (!told) { print "" >"/proc/self/fd/3"; close("/proc/self/fd/3") }
	told = 1
}

{ show(); held = held $0 "\n" }
/^\{/ { tell() }
told || NR > 3 { keep() } # starting the logger takes time, which the first answer needs
END { tell(); keep() }
