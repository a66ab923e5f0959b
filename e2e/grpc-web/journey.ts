// A clerk's sale with the client of a web page: types made from the protos, gRPC-web over fetch.

import { Code, ConnectError, createClient, type Client, type Interceptor } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';

import { BadRequestSchema, ErrorInfoSchema } from './google/rpc/error_details_pb.js';
import { SortOrder } from './lunarfront/common/v1/pagination_pb.js';
import { AuthService } from './lunarfront/identity/v1/auth_service_pb.js';
import { Product_Kind } from './lunarfront/inventory/v1/product_pb.js';
import { ProductService } from './lunarfront/inventory/v1/product_service_pb.js';
import { Sale_State, Tender_Kind } from './lunarfront/pos/v1/sale_pb.js';
import { SaleService } from './lunarfront/pos/v1/sale_service_pb.js';

/** What the journey needs of the runner. */
export interface Shop {
  baseUrl: string;
  password: string;
  registerId: string;
  /** Two products of which there is enough. */
  productIds: string[];
  saleId: string;
}

export interface Checks {
  holds(condition: boolean, what: string): void;
  equal(actual: unknown, wanted: unknown, what: string): void;
}

/** The clients of one user. */
interface Desk {
  auth: Client<typeof AuthService>;
  products: Client<typeof ProductService>;
  sales: Client<typeof SaleService>;
}

function desk(baseUrl: string, token?: string): Desk {
  const signed: Interceptor = (next) => (request) => {
    if (token) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
  const transport = createGrpcWebTransport({ baseUrl, interceptors: [signed], defaultTimeoutMs: 10_000 });
  return {
    auth: createClient(AuthService, transport),
    products: createClient(ProductService, transport),
    sales: createClient(SaleService, transport),
  };
}

async function signIn(shop: Shop, email: string): Promise<Desk> {
  const session = await desk(shop.baseUrl).auth.login({ email, password: shop.password });
  return desk(shop.baseUrl, session.accessToken);
}

/** The error that a call must end with. */
async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the call was not refused');
}

function reason(error: ConnectError): string | undefined {
  return error.findDetails(ErrorInfoSchema)[0]?.reason;
}

export async function signingIn(shop: Shop, checks: Checks): Promise<void> {
  const session = await desk(shop.baseUrl).auth.login({ email: 'clerk@demo.test', password: shop.password });
  checks.equal(session.user?.email, 'clerk@demo.test', 'the user of the session');
  checks.equal(session.expiresIn, 600, 'seconds that the token holds');
  const me = await desk(shop.baseUrl, session.accessToken).auth.getMe({});
  checks.equal(me.user?.id, session.user?.id, 'the user who asks');
  const wrong = await refusal(desk(shop.baseUrl).auth.login({ email: 'clerk@demo.test', password: 'guessed' }));
  checks.equal([Code[wrong.code], reason(wrong)], ['Unauthenticated', 'SIGN_IN_REFUSED'], 'a wrong password');
}

export async function listing(shop: Shop, checks: Checks): Promise<void> {
  const { products } = await signIn(shop, 'clerk@demo.test');
  const page = await products.listProducts({
    limit: 5,
    sort: 'price',
    order: SortOrder.DESC,
    kind: Product_Kind.STOCK,
  });
  checks.equal(page.data.length, 5, 'rows of a page');
  checks.holds((page.pagination?.total ?? 0n) >= 300n, `${page.pagination?.total} products are few`);
  const prices = page.data.map((product) => product.price?.minorUnits ?? -1n);
  const sorted = prices.every((price, place) => place === 0 || price <= (prices[place - 1] ?? 0n));
  checks.holds(sorted && prices.every((price) => typeof price === 'bigint'), `${prices} is not sorted`);
  checks.holds(
    page.data.every((product) => product.createdAt !== undefined),
    'a product without a time',
  );
}

export async function selling(shop: Shop, checks: Checks): Promise<void> {
  const { sales } = await signIn(shop, 'clerk@demo.test');
  const lines = shop.productIds.map((productId) => ({ productId, quantity: '1' }));
  const quote = (await sales.quoteSale({ registerId: shop.registerId, lines })).sale;
  const total = quote?.total?.minorUnits ?? 0n;
  checks.holds(total > 0n, 'the quote comes to nothing');
  checks.equal(String(total), String((quote?.net?.minorUnits ?? 0n) + (quote?.tax?.minorUnits ?? 0n)), 'net and tax');
  const order = {
    id: shop.saleId,
    registerId: shop.registerId,
    lines,
    tenders: [{ kind: Tender_Kind.CASH, amount: { minorUnits: total + 500n } }],
    complete: true,
  };
  const headers = { 'idempotency-key': `web-${shop.saleId}` };
  const sold = (await sales.createSale(order, { headers })).sale;
  checks.equal(Sale_State[sold?.state ?? 0], 'COMPLETED', 'the state of the sale');
  checks.equal(
    [String(sold?.total?.minorUnits), String(sold?.change?.minorUnits)],
    [String(total), '500'],
    'to the cent',
  );
  let replayed: string | null = null;
  const again = await sales.createSale(order, {
    headers,
    onHeader: (answered) => {
      replayed = answered.get('idempotency-replayed');
    },
  });
  checks.equal([again.sale?.number, replayed], [sold?.number, 'true'], 'the same request again');
  const kept = (await sales.getSale({ id: shop.saleId })).sale;
  checks.equal(kept?.lines.length, 2, 'lines of the sale');
}

export async function refusing(shop: Shop, checks: Checks): Promise<void> {
  const [clerk, viewer] = [await signIn(shop, 'clerk@demo.test'), await signIn(shop, 'viewer@demo.test')];
  const headers = { 'idempotency-key': `wrong-${shop.saleId}` };
  const lines = [{ productId: shop.productIds[0], quantity: '-1' }];
  const wrong = await refusal(clerk.sales.quoteSale({ registerId: shop.registerId, lines }));
  const fields = wrong
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations.map((one) => one.field));
  checks.equal([Code[wrong.code], fields], ['InvalidArgument', ['lines[0].quantity']], 'a negative quantity');
  const forbidden = await refusal(viewer.sales.createSale({ registerId: shop.registerId }, { headers }));
  checks.equal(
    [Code[forbidden.code], reason(forbidden)],
    ['PermissionDenied', 'PERMISSION_DENIED'],
    'the viewer sells',
  );
  checks.holds(forbidden.rawMessage.includes('pos.edit'), `the viewer reads ${forbidden.rawMessage}`);
  const unknown = await refusal(clerk.sales.getSale({ id: '01900000-0000-7000-8000-ffffffffffff' }));
  checks.equal([Code[unknown.code], reason(unknown)], ['NotFound', 'SALE_NOT_FOUND'], 'a sale that there is not');
  const nobody = await refusal(desk(shop.baseUrl).products.listProducts({}));
  checks.equal(Code[nobody.code], 'Unauthenticated', 'nobody lists products');
  const keyless = await refusal(clerk.sales.createSale({ registerId: shop.registerId }));
  checks.equal([Code[keyless.code], reason(keyless)], ['InvalidArgument', 'IDEMPOTENCY_KEY_REQUIRED'], 'no key');
}
