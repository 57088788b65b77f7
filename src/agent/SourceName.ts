/**
 * SourceName: which id a dump file's rounds carry: `<host>/<path below the glob's fixed directory, without the extension>`.
 *
 * `--dump '/var/dumps/*.prom'` makes `/var/dumps/checkout.prom` the source `host/checkout`; under `--dump '/srv/**'`
 * the file `/srv/shop/metrics.prom` is `host/shop/metrics`. The id depends on the glob and the path alone, not on which
 * other files exist: an id that changed would move the source to another partition and show its series twice. Pure.
 */
import { basename, extname, relative, resolve } from "node:path"

/** Of a file below the directory at which ids begin. */
export const sourceBelow = (host: string, base: string, path: string): string => {
  const below = relative(base, resolve(path))
  return `${host}/${below.slice(0, below.length - extname(below).length)}`
}

/** The service's name as far as the file tells it: the file's name without its extension. */
export const jobName = (path: string): string => basename(path, extname(path))
