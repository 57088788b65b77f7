/**
 * Fault: what can happen to a simulated world, as plain data. Where a fault names a pod, source or partition, the number counts among
 * those that there are then. Several in one (`zombie`, `doubt`, `relay` …) are Plots; how each is done is Deeds' to know.
 */
import type { StrategyName } from "../../engine/Backpressure.ts"
import type { UnreadableReason } from "../../transport/Transport.ts"

/** One fault of a history. Times in ms; a number that names a pod, source or partition counts among those that there are then. @experimental */
export type Fault =
  | { readonly type: "join" }
  | { readonly type: "leave"; readonly pod: number }
  | { readonly type: "crash"; readonly pod: number }
  | { readonly type: "freeze"; readonly pod: number; readonly ms: number; readonly suspend: boolean }
  | { readonly type: "cut"; readonly pod: number; readonly ms: number; readonly lose: "request" | "answer" | "both" }
  | {
      readonly type: "delay"
      readonly pod: number
      readonly ms: number
      readonly by: number
      readonly side: "request" | "answer"
    }
  | { readonly type: "loseHeartbeats"; readonly pod: number; readonly ms: number }
  | { readonly type: "lateCommit"; readonly pod: number; readonly ms: number; readonly by: number }
  | { readonly type: "lostCommitAnswers"; readonly pod: number; readonly ms: number }
  | { readonly type: "failSync"; readonly pod: number; readonly how: "refused" | "lost" | "answerLost" | "late" }
  | { readonly type: "loseJoin"; readonly pod: number; readonly lose: "request" | "answer" }
  | { readonly type: "slowEviction"; readonly pod: number; readonly ms: number }
  | { readonly type: "slowPod"; readonly pod: number; readonly ms: number; readonly perRecord: number }
  | { readonly type: "wallJump"; readonly pod: number; readonly by: number }
  | { readonly type: "moveCoordinator" }
  /** Stands still; what arrives meanwhile is carried out when it goes on. `first`: whether that or its own alarms come first then. */
  | { readonly type: "pauseCoordinator"; readonly ms: number; readonly first: "requests" | "alarms" }
  | { readonly type: "addPartitions"; readonly count: number }
  | { readonly type: "burst"; readonly rounds: number }
  /** For so long more is sent, a round of each source every so many ms, than the pods that there are can process. */
  | { readonly type: "flood"; readonly ms: number; readonly every: number; readonly perRecord: number }
  | { readonly type: "repeat"; readonly source: number; readonly back: number }
  | { readonly type: "restartAgent"; readonly source: number; readonly clockBy: number }
  | { readonly type: "poison"; readonly source: number }
  | { readonly type: "partialRound"; readonly source: number }
  /** A dump whose batch nobody can read. */
  | { readonly type: "unreadable"; readonly source: number; readonly reason: UnreadableReason }
  /** A round that is longer than any pod takes. */
  | { readonly type: "oversized"; readonly source: number }
  /** The source is silent for longer than the expiry, then one of its older rounds arrives. */
  | { readonly type: "lateEcho"; readonly source: number; readonly back: number; readonly after: number }
  | { readonly type: "silence"; readonly source: number; readonly ms: number }
  | { readonly type: "retention"; readonly partition: number }
  | { readonly type: "restartAll"; readonly pods: number; readonly down: number }
  /** All leave, a tool sets the group's offsets to what they are, which needs an empty group, and others come. */
  | { readonly type: "toolResets"; readonly pods: number; readonly down: number }
  | { readonly type: "slowJoin"; readonly pod: number; readonly by: number }
  | { readonly type: "strategy"; readonly pod: number; readonly strategy: StrategyName }
  | { readonly type: "failActor"; readonly pod: number; readonly times: number }
  | { readonly type: "abortScrapes"; readonly ms: number }
  | { readonly type: "slowScrapes"; readonly ms: number; readonly by: number }
  /** Two rounds of a source reach the log in the wrong order, or chunk by chunk through each other. */
  | { readonly type: "reorder"; readonly source: number }
  /** Accepted by most pods and refused by those with stricter limits. */
  | { readonly type: "wide"; readonly source: number; readonly ms: number }
  | { readonly type: "end"; readonly source: number }
  | { readonly type: "moveLeader"; readonly partition: number; readonly node: number }
  | {
      readonly type: "zombie"
      readonly pod: number
      readonly ms: number
      readonly suspend: boolean
      readonly evict: number
      readonly others: "crash" | "leave"
      readonly othersAfter: number
      readonly perRecord: number
    }
  | {
      readonly type: "doubt"
      readonly pod: number
      readonly how: "late" | "lost"
      readonly unfinished: boolean
      readonly by: number
      readonly burst: number
      readonly later: number
      readonly perRecord: number
    }
  | {
      readonly type: "relay"
      readonly pod: number
      readonly crash: boolean
      readonly perRecord: number
      readonly burst: number
      readonly later: number
    }
  | {
      readonly type: "dieRejoining"
      readonly pod: number
      readonly burst: number
      readonly later: number
      readonly perRecord: number
    }
  | {
      readonly type: "rollout"
      readonly pod: number
      readonly ms: number
      readonly crash: boolean
      readonly later: number
      readonly perRecord: number
    }
  | { readonly type: "fadeOut"; readonly pod: number; readonly by: number; readonly ms: number }
  | { readonly type: "deposed"; readonly pod: number; readonly ms: number }
  | { readonly type: "logBack"; readonly partition: number; readonly how: "truncate" | "recreate"; readonly by: number }
  /** Outside of all pods: for so long this share of the requests to a store is refused, lost, or carried out late. */
  | { readonly type: "storeTrouble"; readonly ms: number; readonly share: number }
  /** The pod's next write to a store is on its way for `there`, and the pod has died, stands still, or hears nothing meanwhile. */
  | {
      readonly type: "strandedWrite"
      readonly pod: number
      readonly there: number
      readonly fate: "crash" | "freeze" | "cut"
    }

/** A fault at a time. @experimental */
export interface Timed {
  /** Ms of virtual time after the start. */
  readonly at: number
  /** What happens then. */
  readonly fault: Fault
}
