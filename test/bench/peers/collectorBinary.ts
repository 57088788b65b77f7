/**
 * The OpenTelemetry collector's binary: its own command with the three parts that the comparison needs, built from their Go modules, once, into the
 * user's cache. No patches.
 */
import { execFile } from "node:child_process"
import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { cached } from "../../support/cached.ts"

export const collectorVersion = "0.165.1"
const coreVersion = "0.165.0"

const run = promisify(execFile)
const contrib = "github.com/open-telemetry/opentelemetry-collector-contrib"

const goMod = `module collector
go 1.26.0
require (
	${contrib}/receiver/filelogreceiver v${collectorVersion}
	${contrib}/exporter/kafkaexporter v${collectorVersion}
	${contrib}/extension/storage/filestorage v${collectorVersion}
	go.opentelemetry.io/collector/otelcol v${coreVersion}
)
`

const mainGo = `package main

import (
	"fmt"
	"os"

	"${contrib}/exporter/kafkaexporter"
	"${contrib}/extension/storage/filestorage"
	"${contrib}/receiver/filelogreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

func factories() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap[receiver.Factory](filelogreceiver.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap[exporter.Factory](kafkaexporter.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	extensions, err := otelcol.MakeFactoryMap[extension.Factory](filestorage.NewFactory())
	return otelcol.Factories{
		Receivers:  receivers,
		Exporters:  exporters,
		Extensions: extensions,
		Telemetry:  otelconftelemetry.NewFactory(),
	}, err
}

func main() {
	settings := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Version: "${collectorVersion}"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{
			ResolverSettings: confmap.ResolverSettings{
				DefaultScheme:     "file",
				ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
			},
		},
	}
	if err := otelcol.NewCommand(settings).Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

export const collectorBinary = async (): Promise<string> => {
  const home = await cached(`otel-collector-${collectorVersion}`, async (folder) => {
    await writeFile(join(folder, "go.mod"), goMod)
    await writeFile(join(folder, "main.go"), mainGo)
    const options = { cwd: folder, env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" }, maxBuffer: 1 << 26 }
    await run("go", ["mod", "tidy"], options)
    await run("go", ["build", "-buildvcs=false", "-ldflags", "-s -w", "-o", join(folder, "collector"), "."], options)
    for (const name of ["go.mod", "go.sum", "main.go"]) await rm(join(folder, name), { force: true })
  })
  return join(home, "collector")
}
