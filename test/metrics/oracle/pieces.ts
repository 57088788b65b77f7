/** What mutations put into dumps: bytes, values, timestamps, labels, names and lines, good and bad ones, as people and programs write them. */
export const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

export const bytes = [
  '"',
  "\\",
  "{",
  "}",
  ",",
  "=",
  " ",
  "\t",
  "\n",
  "\r",
  "\0",
  "\x1b",
  "\x7f",
  "#",
  "+",
  "-",
  ".",
  "e",
  "_",
  ":",
  "9"
]
  .concat(["\xff", "\xc3", "\\n", '\\"', "\\\\", " # ", "  ", "\n\n"])
  .concat(["é", "\u0085", "\u2028", "😀"].map(latin1))
export const values = [
  "0",
  "-0",
  "1",
  "1.5",
  ".5",
  "5.",
  "+5",
  "-3",
  "1e5",
  "1E+5",
  "1e400",
  "5e-400",
  "0x1F",
  "0x1p3",
  "1_000",
  "1,5",
  "null"
].concat([
  "NaN",
  "nan",
  "-nan",
  "+NaN",
  "inf",
  "+Inf",
  "-INF",
  "infinity",
  "true",
  "",
  '"5"',
  "1e",
  "123456789012345678901234567890"
])
export const stamps = [
  "0",
  "1",
  "1795780000000",
  "1795780000001",
  "1795779999000",
  "1795780000",
  "1795780000.5",
  "1795779999.123",
  "-1",
  "+1"
].concat(["1e3", "007", "99999999999999999999", "1795780000000000000", "x", "NaN"])
export const labels = [
  'a="1"',
  'a=""',
  'a="2",a="3"',
  '__x="1"',
  '__name__="n"',
  'instance="i"',
  'job="j"',
  'exported_instance="e"',
  'le="1"',
  'le="1.0"'
]
  .concat([
    'le="x"',
    'le="+Inf"',
    'quantile="0.5"',
    'quantile="0.50"',
    '"b.c"="1"',
    '"a"="1"',
    '""="1"',
    'c="\\x"',
    'c="C:\\dir\\new"'
  ])
  .concat([
    'c="x\ny"',
    'c="x\\\ny"',
    'c="\t\x01"',
    'c="\xff"',
    'c="ü"',
    'c="} 5"',
    "c='1'",
    "c=1",
    "c",
    '"n.n"',
    `long="${"x".repeat(5000)}"`
  ])
  .concat([Array.from({ length: 70 }, (_, i) => `l${i}="v"`).join()])
export const names = [
  "up",
  "foo",
  "foo_total",
  "foo_created",
  "foo_info",
  "foo_bucket",
  "foo_count",
  "foo_sum",
  "a.b",
  "a-b",
  ":x",
  "9a",
  "\xe9",
  "_"
]
export const metricTypes = [
  "counter",
  "gauge",
  "histogram",
  "summary",
  "untyped",
  "unknown",
  "info",
  "stateset",
  "gaugehistogram"
]
export const types = [...metricTypes, "Counter", "counter ", ""]
export const exemplars = [
  ' # {t="1"} 1',
  ' # {t="1"} 1 1795780000.5',
  " # {} 1",
  ' # {t="1"}',
  " # 1 2",
  ' #{t="1"} 1',
  ' # {t="\\x"} 1',
  ' # {"t.u"="1"} 1'
].concat([` # {t="${"x".repeat(200)}"} 1`, ' # {t="1",t="2"} 1', ' # {t="1"} x', ' # {t="1"} 1 NaN', " # comment"])
export const metadata = [
  "# HELP foo x",
  "# HELP foo ",
  "# HELP foo",
  "# TYPE foo",
  "#TYPE foo gauge",
  "# UNIT foo x",
  "# EOF",
  "#",
  "# x\xff",
  "# HELP foo \xff"
].concat([
  "# HELP foo a\\b\\n\\\\c",
  "# HELP foo \x01\x1b",
  '# TYPE "a.b" gauge',
  "# TYPE a.b gauge",
  "# TYPE  foo gauge",
  "#\tTYPE foo gauge"
])
