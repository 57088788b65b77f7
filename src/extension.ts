/**
 * `kafka2prom/extension`: what a module is made of that pods load on each of their threads: an application of a team's own (App), or an
 * extension of one (Extension). The services that it may bring are in `kafka2prom/engine` and `kafka2prom/metrics`.
 */
export * as Kind from "./config/Kind.ts"
export type { Outcome, Resolved } from "./config/Resolve.ts"
export { type Setting, settings, type Table, type Values } from "./config/Setting.ts"
export { type Exchange, get, type Route, reply, replyJson, replyText } from "./http/Route.ts"
export type { App, AppLayer, AppParts, Brought, Configured, Surface, Usual } from "./pod/App.ts"
export { type Extension, extended } from "./pod/Extension.ts"
export type { PodPhase, PodState } from "./pod/PodState.ts"
export { ShardService } from "./pod/ShardService.ts"
export type { Channel, Piece } from "./pod/shards/Channel.ts"
export { Inbox } from "./pod/shards/Inbox.ts"
export type { Shard, ShardReport } from "./pod/shards/Shard.ts"
export type { ShardSlot } from "./pod/shards/ShardSlot.ts"
