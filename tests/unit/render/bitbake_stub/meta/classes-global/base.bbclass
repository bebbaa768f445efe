addtask unpack
addtask configure after do_unpack
addtask compile after do_configure
addtask install after do_compile
addtask build after do_install

python do_unpack() {
    bb.note("unpack")
}

do_configure() {
    :
}

do_compile() {
    :
}

do_install() {
    :
}

do_build[noexec] = "1"
