import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readXml } from '../../../src/integration/xml/read-xml.ts';
import { envelope, soapBody, soapFault, soapHeaders } from '../../../src/integration/xml/soap.ts';
import { xmlToJson } from '../../../src/integration/xml/xml-to-json.ts';

const read = (text: string, arrays: readonly string[] = []) => readXml(Buffer.from(text), 'text/xml', arrays);

test('elements lose their prefix, attributes become @name, text stays text', async () => {
  assert.deepEqual(
    await read(
      '<s:stock xmlns:s="urn:s"><s:sku s:unit="kg">007</s:sku><s:n>1e3</s:n><s:b>true</s:b><s:none/></s:stock>',
    ),
    { stock: { sku: { '@unit': 'kg', '#text': '007' }, n: '1e3', b: 'true', none: '' } },
  );
});

test('what repeats is a list, what is declared one always', async () => {
  assert.deepEqual(await read('<r><i>1</i><i>2</i></r>'), { r: { i: ['1', '2'] } });
  assert.deepEqual(await read('<r><i>1</i></r>', ['i']), { r: { i: ['1'] } });
});

test('references and CDATA are text', async () => {
  const text = '<a>&lt;b&gt; &amp; &quot;&apos; &#233;&#xE9;<![CDATA[<raw> &amp; <!DOCTYPE x>]]></a>';
  assert.deepEqual(await read(text), { a: '<b> & "\' éé<raw> &amp; <!DOCTYPE x>' });
  assert.deepEqual(await read(`<a>${'&amp;'.repeat(6_000)}</a>`), { a: '&'.repeat(6_000) });
});

test('a document type is refused: no entities, no external references', async () => {
  for (const text of [
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>',
    '<!doctype html><html/>',
    '<a><!ENTITY x "y"></a>',
  ]) {
    await assert.rejects(read(text), { name: 'XmlError', message: /document type/ });
  }
});

test('what is not well-formed is refused, and not quoted', async () => {
  for (const text of [
    '',
    'hunter2',
    '<a><hunter2></a>',
    '<a/><b/>',
    '<a>hunter2',
    '<a hunter2="1" hunter2="2"/>',
    '<a>1 & hunter2</a>',
  ]) {
    await assert.rejects(read(text), (error: Error) => {
      assert.equal(error.name, 'XmlError', text);
      assert.ok(!error.message.includes('hunter2'), error.message);
      return true;
    });
  }
});

test('depth is capped, and names that objects are born with are refused', async () => {
  await assert.rejects(read('<a>'.repeat(100) + '</a>'.repeat(100)), { name: 'XmlError', message: /deeper than 64/ });
  await assert.rejects(read('<a><__proto__>1</__proto__></a>'), { name: 'XmlError' });
  assert.equal(Object.hasOwn(Object.prototype, '1'), false);
});

test('the character encoding is that of the mark, the media type or the document', async () => {
  const latin = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>Z\xfcrich</a>', 'latin1');
  assert.deepEqual(await readXml(latin, 'text/xml', []), { a: 'Zürich' });
  assert.deepEqual(await readXml(Buffer.from('<a>Z\xfcrich</a>', 'latin1'), 'text/xml; charset="iso-8859-1"', []), {
    a: 'Zürich',
  });
  assert.deepEqual(await readXml(Buffer.from('\ufeff<a>ü</a>', 'utf16le'), 'text/xml', []), { a: 'ü' });
  await assert.rejects(readXml(Buffer.from('<a>Z\xfcrich</a>', 'latin1'), 'text/xml', []), /not valid utf-8/);
  await assert.rejects(readXml(Buffer.from('<a/>'), 'text/xml; charset=klingon', []), /encoding is not known/);
});

test('a large document is read while the event loop turns, and as a small one is', async () => {
  const items = Array.from({ length: 20_000 }, (_, index) => `<i n="${index}">${index}</i>`).join('');
  let turns = 0;
  const ticking = setInterval(() => turns++, 5);
  const value = await read(`<r>${items}</r>`);
  clearInterval(ticking);
  assert.ok(turns > 2, `the event loop turned ${turns} times`);
  assert.deepEqual(value, xmlToJson(`<r>${items}</r>`, []));
  await assert.rejects(read(`<r>${items}`), { name: 'XmlError', message: /not well-formed/ });
});

test('a body is put into an envelope, with the headers of its version', () => {
  const wrapped = envelope('<?xml version="1.0"?>\n<GetStock>1</GetStock>', '1.1');
  assert.deepEqual(soapBody(xmlToJson(wrapped, [])), { GetStock: '1' });
  assert.match(wrapped, /http:\/\/schemas\.xmlsoap\.org\/soap\/envelope\//);
  assert.match(envelope('<a/>', '1.2'), /http:\/\/www\.w3\.org\/2003\/05\/soap-envelope/);
  const own = '<e:Envelope xmlns:e="x"><e:Header/><e:Body/></e:Envelope>';
  assert.equal(envelope(own, '1.1'), own);
  assert.equal(soapHeaders('GetStock', '1.1').get('soapaction'), '"GetStock"');
  assert.match(
    soapHeaders('GetStock', '1.2').get('content-type') ?? '',
    /^application\/soap\+xml; .*action="GetStock"$/,
  );
});

test('a fault of either version is told, and whose fault it is', () => {
  const fault11 =
    '<s:Envelope xmlns:s="x"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>no such sku</faultstring></s:Fault></s:Body></s:Envelope>';
  assert.deepEqual(soapFault(soapBody(xmlToJson(fault11, []))), { code: 'Client', text: 'no such sku', sender: true });
  const fault12 =
    '<e:Envelope xmlns:e="y"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text xml:lang="en">down</e:Text><e:Text xml:lang="de">aus</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>';
  assert.deepEqual(soapFault(soapBody(xmlToJson(fault12, []))), { code: 'Receiver', text: 'down', sender: false });
  assert.equal(soapFault(soapBody(xmlToJson('<e><Body/></e>', []))), undefined);
});
