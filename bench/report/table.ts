// A table, for a terminal and for a document.

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NUMBER = /^([≤≥] )?-?\d/;

export function asText(table: Table): string {
  const { head, rows } = table;
  const lines = [head, ...rows];
  const columns = head.map((_, column) => {
    const width = Math.max(...lines.map((cells) => cells[column]?.length ?? 0));
    return isNumeric(table, column) ? (cell: string) => cell.padStart(width) : (cell: string) => cell.padEnd(width);
  });
  return lines
    .map((cells) =>
      columns
        .map((fit, column) => fit(cells[column] ?? ''))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function asMarkdown(table: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = table.head.map((_, column) => (isNumeric(table, column) ? '---:' : '---'));
  return [line(table.head), `|${rule.join('|')}|`, ...table.rows.map(line)].join('\n');
}

/** Numbers stand to the right, words to the left. */
function isNumeric({ rows }: Table, column: number): boolean {
  if (column === 0) return false;
  return (
    rows.every((cells) => cells[column] === '' || NUMBER.test(cells[column] ?? '')) &&
    rows.some((cells) => cells[column] !== '')
  );
}
