PACKAGE_ARCH ?= "all"
LICENSE ?= "MIT"

deltask unpack
deltask configure
deltask compile
deltask install
