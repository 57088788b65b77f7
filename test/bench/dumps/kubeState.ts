/** kube-state-metrics: hardly a value moves, and labels are long: ids of pods and containers, images with digests. Some 300 bytes a line. */
import { random } from "../../../src/testing/Random.ts"
import { type FamilySpec, SyntheticService } from "./service.ts"

export const kubeState = (index: number): SyntheticService => {
  const r = random(index + 401)
  const pods = Array.from({ length: 44 }, (_, i) => {
    const app = `team-${i % 5}-backend-service`
    return {
      base: `namespace="production-${i % 5}",pod="${app}-${r.hex(10)}-${r.hex(5)}",uid="${r.hex(8)}-${r.hex(4)}-${r.hex(4)}-${r.hex(4)}-${r.hex(12)}"`,
      container: `container="main",image_spec="registry.example.com/platform/${app}:1.${i}.0",image="registry.example.com/platform/${app}:1.${i}.0",image_id="registry.example.com/platform/${app}@sha256:${r.hex(64)}",container_id="containerd://${r.hex(64)}"`,
      labels: `label_app_kubernetes_io_name="${app}",label_app_kubernetes_io_instance="${app}-production",label_helm_sh_chart="backend-4.${i}.2",label_pod_template_hash="${r.hex(10)}"`,
      node: `node="ip-10-0-${i}-17.eu-central-1.compute.internal",host_ip="10.0.${i}.17",pod_ip="10.1.${i}.23",created_by_kind="ReplicaSet",created_by_name="${app}-${r.hex(10)}"`
    }
  })
  const phases = ["Pending", "Succeeded", "Failed", "Unknown", "Running"]
  const family = (name: string, help: string, type: FamilySpec["type"], series: FamilySpec["series"]): FamilySpec => ({
    ...{ name: `kube_pod_${name}`, help, type, series }
  })
  return new SyntheticService(
    [
      family(
        "info",
        "[STABLE] Information about pod.",
        "gauge",
        pods.map(({ base, node }) => ({ labels: `${base},${node}`, movement: "constant" }))
      ),
      family(
        "labels",
        "[STABLE] Kubernetes labels converted to Prometheus labels.",
        "gauge",
        pods.map(({ base, labels }) => ({ labels: `${base},${labels}`, movement: "constant" }))
      ),
      family(
        "container_info",
        "[STABLE] Information about a container in a pod.",
        "gauge",
        pods.map(({ base, container }) => ({ labels: `${base},${container}`, movement: "constant" }))
      ),
      family(
        "status_phase",
        "[STABLE] The pods current phase.",
        "gauge",
        pods.flatMap(({ base }) =>
          phases.map(
            (phase) =>
              ({
                labels: `${base},phase="${phase}"`,
                movement: "constant",
                value: phase === "Running" ? 1 : 0
              }) as const
          )
        )
      ),
      family(
        "container_status_restarts_total",
        "[STABLE] The number of container restarts per container.",
        "counter",
        pods.map(({ base }, i) => ({ labels: `${base},container="main"`, movement: i % 8 === 0 ? "busy" : "idle" }))
      ),
      family(
        "container_resource_requests",
        "[STABLE] The number of requested request resource by a container.",
        "gauge",
        pods.flatMap(({ base }) =>
          ["cpu", "memory"].map(
            (resource) =>
              ({ labels: `${base},container="main",resource="${resource}",unit="core"`, movement: "bytes" }) as const
          )
        )
      ),
      family(
        "created",
        "[STABLE] Unix creation timestamp",
        "gauge",
        pods.map(({ base }) => ({ labels: base, movement: "bytes" }))
      )
    ],
    index + 402,
    "go"
  )
}
