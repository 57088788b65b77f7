/** IndexRoute: GET /, a page for the person who typed the address: what this is and where to go. */
import { get, type Route, reply } from "./Route.ts"

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

export const indexRoute = (title: string, routes: ReadonlyArray<Route>): Route =>
  get("/", "this page", ({ response }) => {
    const items = routes
      .filter((r) => r.method === "GET" && r.admin !== true)
      .map((r) => `<li><a href="${escaped(r.path)}">${escaped(r.path)}</a> ${escaped(r.about)}</li>`)
    const page = `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>\n<h1>${escaped(title)}</h1>\n<ul>\n${items.join("\n")}\n</ul>\n</html>\n`
    reply(response, 200, "text/html; charset=utf-8", page, {
      "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"
    })
  })
