for v in PIP_FIND_LINKS PIP_CERT PIP_DEFAULT_TIMEOUT; do eval "x=\${$v:-}"; N="$N $v=$x"; done; N="$N KAS_CLONE_DEPTH=1"
