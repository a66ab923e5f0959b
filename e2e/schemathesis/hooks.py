"""Signs in as the owner, gives every other request ids that exist, and keeps the shop as the next journey needs it."""

import atexit
import base64
import collections
import itertools
import json
import os
import threading
import urllib.request

import schemathesis

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000")
OWNER = {"email": "owner@demo.test", "password": "lunarfront-demo"}
LOGOUT = "/v1/auth/logout"
END_OTHERS = "/v1/auth/sessions/end-others"
# Ids of the demo shop begin so. Requests learn them from answers; they may be read, and nothing else.
DEMO = "01900000-"
# Well formed, and the id of nothing.
NOBODY = "01900000-0000-7000-8000-ffffffffffff"
NUMBERS = itertools.count(1)


def name():
    return f"Schemathesis {next(NUMBERS)}-{os.urandom(4).hex()}"


def call(method, path, token=None, body=None):
    headers = {"content-type": "application/json", "idempotency-key": os.urandom(12).hex()}
    if token:
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE_URL + path, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def sign_in():
    return call("POST", "/v1/auth/login", body=OWNER)["accessToken"]


def session_of(token):
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sid"]


@schemathesis.auth(refresh_interval=300).skip_for(path=[LOGOUT, END_OTHERS])
class Owner:
    def get(self, case, context):
        return sign_in()

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.auth(refresh_interval=None).apply_to(path=LOGOUT)
class Leaver(Owner):
    """Signing out spends a token of its own."""


@schemathesis.auth(refresh_interval=None).apply_to(path=END_OTHERS)
class Loner(Owner):
    """Who ends his other sessions is somebody that nobody else here is."""

    def get(self, case, context):
        return call("POST", "/v1/auth/login", body=SHOP.loner)["accessToken"]


class Shop:
    """Things of this run's own: the document says `string` where the shop says `one of our registers`."""

    def __init__(self):
        self.token = sign_in()
        self.profile = call("GET", "/v1/shop", self.token)
        location = self.post("/v1/locations", {"name": name()})["id"]
        goods = {"sku": name(), "name": name(), "kind": "stock", "taxCategory": "goods", "price": "97.43"}
        product = self.post("/v1/products", goods)["id"]
        line = {"productId": product, "quantity": "1000000", "unitCost": "42.50"}
        self.post("/v1/stock-receipts", {"locationId": location, "lines": [line]})
        register = self.post("/v1/registers", {"locationId": location, "name": name()})["id"]
        self.post("/v1/drawer-sessions", {"registerId": register, "openingFloat": "100.00"})
        account = self.post("/v1/accounts", {"kind": "family", "name": name()})["id"]
        rate = {"name": name(), "locationId": location, "taxCategory": "goods", "rate": "8.25"}
        person = {"firstName": "Robin", "lastName": "Road", "roles": ["viewer"], "password": OWNER["password"]}
        person["email"] = f"st{os.urandom(6).hex()}@demo.test"
        loner = {**person, "email": f"st{os.urandom(6).hex()}@demo.test"}
        self.post("/v1/users", loner)
        self.loner = {"email": loner["email"], "password": loner["password"]}
        self.own = {
            "accounts": account,
            "members": self.post(f"/v1/accounts/{account}/members", {"firstName": "Ida", "lastName": name()})["id"],
            "categories": self.post("/v1/categories", {"name": name()})["id"],
            "products": self.post("/v1/products", {**goods, "sku": name()})["id"],
            "registers": register,
            "locations": location,
            "tax-rates": self.post("/v1/tax-rates", rate)["id"],
            "users": self.post("/v1/users", person)["id"],
            # An entry that is reversed by hand sets the books apart from the drawers for good.
            "journal-entries": NOBODY,
        }
        self.line = {"productId": product, "quantity": "1"}
        self.values = {
            "locationId": location,
            "registerId": register,
            "productId": product,
            "quantity": "1",
            "unitCost": "2.50",
            "percent": "10",
            "rate": "8.25",
            "reason": "count",
            "id": None,
            "accountId": None,
            "memberId": None,
        }

    def post(self, path, body):
        return call("POST", path, self.token, body)

    def close(self):
        """Leaves the profile as it was, and no tax of 997 percent at a counter where somebody may sell."""
        token = sign_in()
        names = ("name", "timeZone", "taxRounding", "cashRoundingMinorUnits", "receiptFooter")
        call("PATCH", "/v1/shop", token, {name: self.profile[name] for name in names})
        rates = []
        for page in itertools.count(1):
            answer = call("GET", f"/v1/tax-rates?limit=100&page={page}", token)
            rates += answer["data"]
            if page >= answer["pagination"]["totalPages"]:
                break
        for rate in rates:
            if not is_demo(rate["locationId"]):
                call("POST", f"/v1/tax-rates/{rate['id']}/retire", token, {})

    def sale(self, complete):
        order = {"registerId": self.values["registerId"], "lines": [self.line]}
        if complete:
            order |= {"tenders": [{"kind": "cash", "amount": "9999.00"}], "complete": True}
        return self.post("/v1/sales", order)

    def fill(self, value):
        """The same body with things that exist."""
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, dict):
            return value
        filled = {name: self.values.get(name, self.fill(item)) for name, item in value.items()}
        if "quantity" in filled and not filled.get("description"):
            filled["productId"] = self.values["productId"]
        if "roles" in filled and "email" in filled:
            filled |= {"roles": ["viewer"], "email": f"st{os.urandom(6).hex()}@demo.test"}
        if "tenders" in filled:
            filled["tenders"] = [{"kind": "cash", "amount": "9999.00"}]
        return filled


SHOP = Shop()
atexit.register(SHOP.close)
LOCK = threading.Lock()
SEEN = collections.Counter()


def is_demo(value):
    return isinstance(value, str) and value.startswith(DEMO)


def spare_body(value):
    """The same body without the demo shop's ids: a tax rate at its counter would change what everybody pays."""
    if isinstance(value, list):
        return [spare_body(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = {name: SHOP.values.get(name, NOBODY) if is_demo(item) else item for name, item in value.items()}
    return {name: spare_body(item) for name, item in own.items()}


def spare(case):
    """Turns a change of the demo shop into one of something of our own."""
    case.body = spare_body(case.body)
    if not isinstance(case.path_parameters, dict):
        return
    noun = case.operation.path.split("/")[2]
    ids = case.path_parameters
    if noun == "sessions" and "id" in ids:
        ids["id"] = session_of(sign_in())
    for field in ("id", "accountId"):
        always = noun in ("journal-entries", "users")
        if field in ids and (always or is_demo(ids[field])):
            ids[field] = SHOP.own.get(noun, NOBODY)


@schemathesis.hook
def before_call(context, case, kwargs):
    path, method = case.operation.path, case.operation.method.upper()
    named = isinstance(case.path_parameters, dict)
    if method != "GET":
        spare(case)
    with LOCK:
        SEEN[case.operation.label] += 1
        every_other = SEEN[case.operation.label] % 2 == 0
    if not every_other or case.method != method:
        return
    if path != "/v1/tax/compute":
        case.body = SHOP.fill(case.body)
    # A key that was used for another request is refused before anything else.
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = os.urandom(12).hex()
    if path.startswith("/v1/sales/{id}/") and named:
        sale = SHOP.sale(complete=path.endswith(("/void", "/receipt", "/receipt.html")))
        case.path_parameters["id"] = sale["id"]
        if "lineId" in case.path_parameters:
            case.path_parameters["lineId"] = sale["lines"][0]["id"]
