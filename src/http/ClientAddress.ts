/**
 * ClientAddress: who counts as one client where clients share something. An IPv6 host picks its own last 64 bits, so all of a /64 is
 * one. Everybody behind a NAT or a proxy is one, too: what is shared out must be enough for several of them. Pure.
 */

/** The key of an address as node gives it (`socket.remoteAddress`). */
export const clientOf = (address: string | undefined): string => {
  // Of a socket that is closed already.
  if (address === undefined) return "unknown"
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  if (!address.includes(":")) return address
  const [front, back] = address
    .split("%", 1)[0]!
    .split("::", 2)
    .map((part) => part.split(":").filter((g) => g !== ""))
  const zeros = back === undefined ? 0 : 8 - front!.length - back.length
  const groups = [...front!, ...Array<string>(Math.max(0, zeros)).fill("0"), ...(back ?? [])]
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`
}
