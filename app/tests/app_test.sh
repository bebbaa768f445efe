#!/bin/sh
# app_test.sh EDGE_INFER: exit statuses and messages of the program itself, without a model.
set -u
app=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# expect STATUS MESSAGE ARGUMENT...: the status, and one line on standard error that has MESSAGE.
expect() {
    status=$1 message=$2
    shift 2
    "$app" "$@" >"$dir/out" 2>"$dir/err" </dev/null
    got=$?
    if [ $got -ne "$status" ] || ! grep -qF -- "$message" "$dir/$([ "$status" -eq 0 ] && echo out || echo err)" ||
        { [ "$status" -ne 0 ] && [ "$(wc -l <"$dir/err")" -ne 1 ]; }; then
        echo "edge-infer $*: status $got, wanted $status and '$message'"
        cat "$dir/err"
        failed=1
    fi
}

tensor='"type": "int8", "shape": [1, 4], "quantization": null'
config() {
    echo "{\"name\": \"t\", \"model\": \"$1\", \"inputs\": [{\"name\": \"i\", $tensor}],
           \"outputs\": [{\"name\": \"o\", $tensor}]$2}"
}
config "$dir/none" ', "source": "-"' >"$dir/none.json"
config "$dir/garbage" ', "source": "-"' >"$dir/garbage.json"
config "$dir/none" '' >"$dir/nosource.json"
config "$dir/none" ', "sauce": "-"' >"$dir/unknown.json"
echo "not a model" >"$dir/garbage"

expect 0 "edge-infer 0." --version
expect 2 "--config is missing"
expect 2 "--bogus: not an option" --bogus
expect 2 "No such file" --config "$dir/missing.json"
expect 2 "sauce: not a key" --config "$dir/unknown.json"
expect 2 "no --input, and no source" --config "$dir/nosource.json"
expect 2 "$dir/none: No such file" --config "$dir/none.json"
exit $failed
