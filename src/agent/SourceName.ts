/**
 * SourceName: which id a dump file's rounds carry: `<host>/<path below the glob's fixed directory, without the extension>`.
 *
 * `--dump '/var/dumps/*.prom'` makes `/var/dumps/checkout.prom` the source `host/checkout`; under `--dump '/srv/**'`
 * the file `/srv/shop/metrics.prom` is `host/shop/metrics`. The id depends on the glob and the path alone, not on which
 * other files exist: an id that changed would move the source to another partition and show its series twice. Pure.
 */
import { basename, dirname, extname, relative, resolve, sep } from "node:path"

const magic = /[*?[\]{}()!+@]/

/** The directory above the first segment with a wildcard; a plain path's own directory. Absolute. */
export const fixedBase = (glob: string): string => {
  const absolute = resolve(glob)
  const segments = absolute.split(sep)
  const first = segments.findIndex((segment) => magic.test(segment))
  if (first === -1) return dirname(absolute)
  return segments.slice(0, first).join(sep) || sep
}

export const sourceName = (host: string, glob: string, path: string): string => {
  const below = relative(fixedBase(glob), resolve(path)).split(sep).join("/")
  return `${host}/${below.slice(0, below.length - extname(below).length)}`
}

/** The service's name as far as the file tells it: the file's name without its extension. */
export const jobName = (path: string): string => basename(path, extname(path))

/** Files that are no dumps: hidden ones, and temporary ones that wait for their rename. */
export const isIgnored = (path: string): boolean => {
  const name = basename(path)
  return name.startsWith(".") || name.endsWith(".tmp")
}
