/**
 * Shown: whether a scrape's body shows the newest round of every source, exactly: each series once, with its value, and nothing else.
 * Shares no code with the parser or the renderer. Values are compared as numbers, since Telegraf writes them anew.
 */
export interface ShownOptions {
  /** By source: its newest round as sent. */
  readonly newest: ReadonlyMap<string, string>
  /** What the reader adds to each series, in text 0.0.4's own spelling. */
  readonly attached: (source: string) => ReadonlyArray<string>
}

/** Name and labels in one order; the values used here hold no escaped quotes. */
const identity = (series: string, added: ReadonlyArray<string>): string => {
  const brace = series.indexOf("{")
  const name = brace < 0 ? series : series.slice(0, brace)
  const labels = brace < 0 ? [] : (series.slice(brace + 1, series.lastIndexOf("}")).match(/[^,{]+?="[^"]*"/g) ?? [])
  return `${name}{${[...labels, ...added].sort().join()}}`
}

/** One sentence for each of the first faults; empty where all is shown. */
export const faultsOf = (body: string, { newest, attached }: ShownOptions): ReadonlyArray<string> => {
  const wanted = new Map<string, number>()
  for (const [source, text] of newest) {
    const added = attached(source)
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue
      const space = line.lastIndexOf(" ")
      wanted.set(identity(line.slice(0, space), added), Number(line.slice(space + 1)))
    }
  }
  const faults: Array<string> = []
  const fault = (text: string): void => {
    if (faults.length < 5) faults.push(text)
  }
  const series = wanted.size
  for (const line of body.split("\n")) {
    if (line === "" || line.startsWith("#")) continue
    const [, series = line, shown] = /^([^{ ]+(?:\{.*\})?) (\S+)(?: \d+)?$/.exec(line) ?? []
    const key = identity(series, [])
    const value = wanted.get(key)
    if (value === undefined) fault(`not sent, or twice in the body: ${key}`)
    else if (value !== Number(shown)) fault(`${line}, but ${value} was sent last`)
    wanted.delete(key)
  }
  if (wanted.size > 0) fault(`${wanted.size} of ${series} series are missing, such as ${wanted.keys().next().value}`)
  return faults
}
