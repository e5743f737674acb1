// GET /metrics as text: which format the scraper wants, and the text in pieces, so that no scrape holds the event loop.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type MetricObjectWithValues, type MetricValueWithName, Registry } from 'prom-client';
import { type ExpositionFormat, type Family, sampleValue } from './families.ts';
import { labelText } from './series.ts';

/** `Content-Type` of each format. */
export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
};

/** About a millisecond's work, and a good size for a socket write. */
const PIECE_CHARS = 65_536;

/**
 * Renders families in pieces and gives the loop a turn after each. A series is consistent in itself; two series may be
 * read a few milliseconds apart. `process` holds prom-client's own metrics, few enough to be rendered at once.
 */
export async function* expose(
  families: readonly Family[],
  process: Registry,
  format: ExpositionFormat,
): AsyncGenerator<string, void, undefined> {
  let piece = '';
  for (const family of families) {
    piece += metadata(family.name, family.help, family.type, format);
    for (const lines of family.samples(format)) {
      piece += lines;
      if (piece.length < PIECE_CHARS) continue;
      yield piece;
      piece = '';
      await nextTurn();
    }
  }
  for (const metric of await process.getMetricsAsJSON()) piece += exposeForeign(metric, format);
  yield format === 'openmetrics' ? `${piece}# EOF\n` : piece;
}

function exposeForeign(metric: MetricObjectWithValues<MetricValueWithName<string>>, format: ExpositionFormat): string {
  let text = metadata(metric.name, metric.help, metric.type, format);
  // A metric without labels has no such field, whatever its types say.
  for (const { metricName = metric.name, labels = {}, value } of metric.values) {
    const parts = Object.entries(labels).map(([name, label]) => labelText(name, String(label)));
    text += `${metricName}${parts.length === 0 ? '' : `{${parts.join(',')}}`} ${sampleValue(value)}\n`;
  }
  return text;
}

/** OpenMetrics names a counter family without the `_total` of its samples. */
function metadata(name: string, help: string, type: string, format: ExpositionFormat): string {
  const family = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  return `# HELP ${family} ${escapeHelp(help, format)}\n# TYPE ${family} ${type}\n`;
}

function escapeHelp(help: string, format: ExpositionFormat): string {
  const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return format === 'openmetrics' ? text.replaceAll('"', '\\"') : text;
}

/** The format an `Accept` header prefers (RFC 9110 §12.5.1); Prometheus 0.0.4 unless OpenMetrics 1.0 is asked for. */
export function negotiateExposition(accept: string | undefined): ExpositionFormat {
  let openmetrics = 0;
  let prometheus = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = Number(parameter(parameters, 'q') ?? 1);
    const version = parameter(parameters, 'version');
    if (type === 'application/openmetrics-text' && (version === undefined || version === '1.0.0')) {
      openmetrics = Math.max(openmetrics, quality);
    } else if (type === 'text/plain' && (version === undefined || version === '0.0.4')) {
      prometheus = Math.max(prometheus, quality);
    }
  }
  return openmetrics > 0 && openmetrics >= prometheus ? 'openmetrics' : 'prometheus';
}

function parameter(parameters: readonly string[], name: string): string | undefined {
  return parameters.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
}
