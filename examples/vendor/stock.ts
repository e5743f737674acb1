// The ERP: a SOAP 1.1 service that tells what is in stock. Stock keeping units are text: 007 is not 7.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { XMLParser } from 'fast-xml-parser';
import { textOf } from '../service.ts';

/** SKU → what each warehouse has. */
const STOCK: ReadonlyMap<string, Readonly<Record<string, number>>> = new Map([
  ['007', { 'W-01': 12, 'W-02': 3 }],
  ['0042', { 'W-01': 8 }],
  ['GATE-01', { 'W-01': 2, 'W-02': 0 }],
]);

const parser = new XMLParser({ removeNSPrefix: true, parseTagValue: false, processEntities: true });

export async function stock(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const sku = skuIn(await textOf(request));
  if (sku === undefined) return fault(response, 'Client', 'GetStock with a Sku is expected');
  const warehouses = STOCK.get(sku);
  if (warehouses === undefined) return fault(response, 'Client', `Unknown SKU ${sku}`);
  const rows = Object.entries(warehouses).map(
    ([code, onHand]) => `<ns1:Warehouse code="${code}"><ns1:OnHand>${onHand}</ns1:OnHand></ns1:Warehouse>`,
  );
  const found = `<ns1:Sku>${escaped(sku)}</ns1:Sku>${rows.join('')}`;
  return send(response, 200, `<ns1:GetStockResponse xmlns:ns1="urn:erp:stock">${found}</ns1:GetStockResponse>`);
}

function skuIn(xml: string): string | undefined {
  try {
    const sku: unknown = parser.parse(xml)?.Envelope?.Body?.GetStock?.Sku;
    return typeof sku === 'string' ? sku : undefined;
  } catch {
    return undefined;
  }
}

/** With status 500, as SOAP 1.1 §6.2 has it: whoever looks at the status alone takes it for an outage. */
function fault(response: ServerResponse, code: string, text: string): void {
  const inside = `<faultcode>soapenv:${code}</faultcode><faultstring>${escaped(text)}</faultstring>`;
  send(response, 500, `<soapenv:Fault>${inside}</soapenv:Fault>`);
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/xml; charset=utf-8' });
  response.end(
    '<?xml version="1.0" encoding="UTF-8"?>' +
      '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">' +
      `<soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`,
  );
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
