#!/bin/sh
# Sends the served OpenAPI document's own requests, right and wrong ones, and checks that nothing comes back that the
# document does not tell: no 5xx, no undocumented status, content type, header or body.
set -eu
cd "$(dirname "$0")/.."

# All versions are pinned, so that a run tomorrow sends what a run today sent.
version=4.32.5
venv=.data/venv
stamp=$venv/schemathesis-$version
constraints=e2e/schemathesis/constraints.txt

# Debian splits the module that makes private environments off the interpreter.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "  installing python3-venv"
    sudo=
    if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install --yes --no-install-recommends -qq python3-venv
fi
if [ ! -e "$stamp" ] || ! cmp -s "$stamp" "$constraints"; then
    rm -rf "$venv"
    mkdir -p .data
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$constraints" "schemathesis==$version"
    cp "$constraints" "$stamp"
fi

# Left out are checks that judge the words of refusals rather than their truth:
# - negative_data_rejection: the API takes what the document calls wrong where that harms nobody, on purpose: a blank
#   string for an optional field is null, both camelCase and snake_case names are read, a limit over 100 is 100.
# - positive_data_acceptance: the document cannot tell which ids exist, that a quantity must fit the stock, or that a
#   drawer must be open, so most well-formed requests are rightly refused.
# - missing_required_header, unsupported_method, allow_header_conformance, ignored_auth: 40-roles and 70-conventions
#   check these for every route, with the exact problem that must come.
# - use_after_free, ensure_resource_availability: they follow DELETE, and here nothing is deleted.
# - object_level_authorization: a shop's staff see the shop's things by permission, not by owner.
checks=not_a_server_error,status_code_conformance,content_type_conformance
checks=$checks,response_headers_conformance,response_schema_conformance

# /v1/events is no part of the document, because it does not end by itself: 50-events reads it. The receipt as a page
# (text/html) is in, and its content type is checked like any other.
hooks=$PWD/e2e/schemathesis
schemathesis=$PWD/$venv/bin/schemathesis
# What it remembers of an earlier run would make this one another.
rm -rf .data/schemathesis
mkdir -p .data/schemathesis
cd .data/schemathesis
export SCHEMATHESIS_HOOKS=hooks PYTHONPATH="$hooks" PYTHONDONTWRITEBYTECODE=1
if timeout --kill-after=10 420 "$schemathesis" run "$BASE_URL/openapi.json" \
    --checks "$checks" --phases examples,coverage,fuzzing,stateful --max-examples 12 --generation-deterministic \
    --workers 2 --request-timeout 20 --suppress-health-check all --warnings off --no-color >output 2>&1; then
    count=$(sed -n 's/^  \([0-9]*\) generated.*/\1/p' output)
    echo "  ok      no 5xx, and nothing that the document does not tell ($count requests)"
else
    # A failure shows the request; some are of hundreds of lines.
    cut -c 1-2000 output
    exit 1
fi
