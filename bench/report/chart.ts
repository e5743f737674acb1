// A bar for each contender of a comparison, as SVG: CPU per unit, shorter is better.
import type { ComparisonResult, ContenderResult } from './summary.ts';

const ROW_PX = 26;
const TOP_PX = 34;
const LABEL_PX = 236;
const LONGEST_PX = 380;

export function chart({ contenders, unit, title }: ComparisonResult): string {
  const longest = Math.max(...contenders.map(({ cpuMicrosPerUnit }) => cpuMicrosPerUnit.median));
  const height = TOP_PX + contenders.length * ROW_PX + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="680" height="${height}" font-family="sans-serif" font-size="13" role="img" aria-label="CPU microseconds per ${unit}: ${escaped(title)}">
<rect width="100%" height="100%" fill="#fff"/><text x="${LABEL_PX + 8}" y="20" font-weight="bold">CPU µs per ${unit} (less is better)</text>
${contenders.map((contender, index) => bar(contender, TOP_PX + index * ROW_PX, longest)).join('\n')}
</svg>
`;
}

function bar({ name, ours, cpuMicrosPerUnit: { median } }: ContenderResult, y: number, longest: number): string {
  const width = Math.round((median / longest) * LONGEST_PX);
  const [left, baseline] = [LABEL_PX + 8, y + 13];
  return [
    `<text x="${LABEL_PX}" y="${baseline}" text-anchor="end">${escaped(name)}</text>`,
    `<rect x="${left}" y="${y}" width="${width}" height="18" fill="${ours ? '#0b6e99' : '#9aa5ad'}"/>`,
    `<text x="${left + width + 6}" y="${baseline}">${median.toFixed(0)}</text>`,
  ].join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
