#!/bin/sh
# A client that nobody here wrote calls every service through reflection: `buf curl`, with the operator's service token
# and a user's access token.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
buf=$root/node_modules/.bin/buf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Out of the clone, so that there is nothing but reflection to learn the messages from.
cd "$work"

state() { node -p "JSON.parse(require('fs').readFileSync(process.env.SUITE_STATE)).processes.$1"; }
# Details come as protobuf in base64; their texts can be read in it.
json() {
    node -e "
        const answer = JSON.parse(require('fs').readFileSync(0));
        const of = (type) => answer.details.find((one) => one.type === type).value;
        const detail = (type) => Buffer.from(of(type), 'base64').toString();
        console.log($1);"
}
dev=$(dirname "$(state gateway.program)")/dev

# The operator may call one service, for a minute; the keys are found by SUITE_STATE.
service_token() { "$dev" token --for "$1"; }
address() { state "$1.environment.LISTEN"; }

sign_in() {
    node -e "
        const body = JSON.stringify({ email: '$1@demo.test', password: 'lunarfront-demo' });
        const headers = { 'content-type': 'application/json' };
        fetch(process.env.BASE_URL + '/v1/auth/login', { method: 'POST', headers, body })
            .then((answer) => answer.json()).then((session) => console.log(session.accessToken));"
}

# call SERVICE RPC MESSAGE [HEADER…]: the answer, or what is wrong as JSON, in $work/answer.
call() {
    service=$1 rpc=$2 message=$3
    shift 3
    code=0
    "$buf" curl --http2-prior-knowledge --protocol grpc -H "x-service-token: $(service_token "$service")" "$@" \
        -d "$message" "http://$(address "$service")/$rpc" >"$work/answer" 2>"$work/error" || code=$?
    if [ "$code" != 0 ]; then cp "$work/error" "$work/answer"; fi
    echo "$code"
}

failed=0
# check SENTENCE EXPRESSION: the expression holds for `answer`.
check() {
    if [ "$(json "Boolean($2)" <"$work/answer" 2>&1)" = true ]; then
        echo "  ok      $1"
    else
        echo "  FAILED  $1: $(head -c 600 "$work/answer")"
        failed=1
    fi
}
# wants CODE: the exit code of buf is eight times the gRPC code.
wants() {
    if [ "$1" != "$2" ]; then
        echo "  FAILED  exit code $2 instead of $1: $(head -c 600 "$work/answer")"
        failed=1
    fi
}

owner=$(sign_in owner)
viewer=$(sign_in viewer)
audit=lunarfront.common.v1.AuditService
products=lunarfront.inventory.v1.ProductService

for name in identity accounts inventory pos ledger; do
    "$buf" curl --http2-prior-knowledge --protocol grpc --list-methods "http://$(address "$name")" |
        node -e '
            const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");
            const own = lines.filter((line) => line.startsWith(`lunarfront.'"$name"'.v1.`));
            const all = ["lunarfront.common.v1.AuditService/ListAuditRecords", "grpc.health.v1.Health/Check"];
            console.log(JSON.stringify({ own: own.length, shared: all.every((line) => lines.includes(line)) }));' \
            >"$work/answer"
    check "$name tells its methods through reflection" 'answer.own > 0 && answer.shared'
    wants 0 "$(call "$name" grpc.health.v1.Health/Check '{}')"
    check "$name is healthy" 'answer.status === "SERVING"'
    records=$(printf '{"service": "%s", "limit": 1}' "$name")
    wants 0 "$(call "$name" "$audit/ListAuditRecords" "$records" -H "authorization: Bearer $owner")"
    check "$name shows its audit trail to the owner" 'answer.pagination.page === 1'
done

wants 0 "$(call inventory $products/ListProducts '{"limit": 3, "sort": "price", "order": "SORT_ORDER_DESC"}' \
    -H "authorization: Bearer $viewer")"
check "the viewer lists products, with money in minor units" \
    'answer.data.length === 3 && answer.data.every((one) => /^\d+$/.test(one.price.minorUnits))'

wants 56 "$(call inventory $products/CreateProduct '{"product": {"name": "Kazoo"}}' -H "authorization: Bearer $viewer")"
check "the viewer may not add a product, whatever it is, and the reason says so" '
    answer.code === "permission_denied" && answer.message.includes("inventory.edit") &&
    detail("google.rpc.ErrorInfo").includes("PERMISSION_DENIED")'

wants 24 "$(call inventory $products/CreateProduct '{"product": {"name": "", "sku": "x"}}' \
    -H "authorization: Bearer $owner")"
check "a wrong product is refused with every field that is wrong" '
    answer.code === "invalid_argument" &&
    ["product.name", "product.kind"].every((field) => detail("google.rpc.BadRequest").includes(field))'

wants 24 "$(call inventory $products/ListProducts '{"sort": "colour"}' -H "authorization: Bearer $owner")"
check "a sort that does not exist is refused by name" '
    detail("google.rpc.ErrorInfo").includes("INVALID") && detail("google.rpc.BadRequest").includes("sort")'

wants 128 "$(call pos lunarfront.pos.v1.SaleService/ListSales '{}')"
check "without a user there is nothing to see" 'answer.code === "unauthenticated"'

# A token for another service opens nothing, and neither does none.
code=0
"$buf" curl --http2-prior-knowledge --protocol grpc -H "x-service-token: $(service_token ledger)" \
    -H "authorization: Bearer $owner" -d '{}' "http://$(address pos)/lunarfront.pos.v1.SaleService/ListSales" \
    >"$work/answer" 2>&1 || code=$?
wants 128 "$code"
check "a service token for the ledger does not open pos" 'answer.code === "unauthenticated"'

exit $failed
