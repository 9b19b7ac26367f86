import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'

/**
 * The text in at most this many columns of a terminal, with an ellipsis where something was cut out. The library is one
 * column over where half of a wide character would fit.
 */
export function cut(text: string, width: number, position: 'middle' | 'end' = 'end'): string {
  const short = cliTruncate(text, width, { position })
  return stringWidth(short) > width ? cliTruncate(text, width - 1, { position }) : short
}
