// The oracle: what Prometheus stores of a text that it scrapes. It reads with Prometheus' own parser (model/textparse) and then
// applies the rules of its scrape loop and of its database's head, each named by where it stands in Prometheus' source.
//
// Requests come as JSON values on stdin, one answer a line goes to stdout, in order.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

type request struct {
	Text        []byte      `json:"text"`
	ContentType string      `json:"contentType"`
	Target      [][2]string `json:"target"` // labels that the target brings (honor_labels: false)
	Time        int64       `json:"time"`   // of the scrape, ms
	Expfmt      bool        `json:"expfmt"` // whether expfmt is asked, too
	// Another question: what becomes of series under relabelling rules.
	Relabel *relabelRequest `json:"relabel"`
}

type answer struct {
	// Why the scrape is refused, "" where it is not.
	Refused string `json:"refused"`
	// Distinct series that the parser alone reads before it ends or refuses.
	Read int `json:"read"`
	// Why not even its good lines count: the text is not whole.
	Broken string `json:"broken"`
	// The good lines', by the rules of the scrape loop.
	Samples []stored `json:"samples"`
	// The lines that Prometheus would refuse the scrape for, and why.
	Dropped []drop `json:"dropped"`
	// Samples of series that are there already.
	Duplicates int `json:"duplicates"`
	// What TYPE lines said, the last one of a name.
	Types  map[string]string `json:"types"`
	Expfmt *expfmtAnswer     `json:"expfmt,omitempty"`
}

type drop struct {
	Line   []byte `json:"line"`
	Reason string `json:"reason"`
}

func main() {
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		var r request
		if err := in.Decode(&r); err == io.EOF {
			return
		} else if err != nil {
			fail(err)
		}
		var a any
		if r.Relabel != nil {
			a = relabelTo(*r.Relabel)
		} else {
			a = answerTo(r)
		}
		if err := encoder.Encode(a); err != nil {
			fail(err)
		}
		if err := out.Flush(); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func answerTo(r request) answer {
	a := answer{Samples: []stored{}, Dropped: []drop{}, Types: map[string]string{}}
	if _, err := newParser([]byte("\n"), r.ContentType); err != nil {
		a.Refused, a.Broken = err.Error(), err.Error()
		return a
	}
	whole := readWhole(r.Text, r.ContentType)
	a.Read = whole.distinct
	direct := newHead(r)
	for _, s := range whole.samples {
		if err := direct.append(s); err != nil && whole.err == nil {
			whole.err = err
		}
	}
	if whole.err != nil {
		a.Refused = whole.err.Error()
	}
	lines := readLines(r.Text, r.ContentType)
	a.Dropped = append(a.Dropped, lines.dropped...)
	if lines.broken != nil {
		a.Broken = lines.broken.Error()
	} else {
		h := newHead(r)
		for _, s := range lines.samples {
			if err := h.append(s); err != nil {
				a.Dropped = append(a.Dropped, drop{s.line, err.Error()})
			}
		}
		a.Samples, a.Duplicates = h.stored(), h.duplicates
	}
	a.Types = lines.types
	if r.Expfmt {
		a.Expfmt = readExpfmt(r.Text)
	}
	return a
}

// scrape/scrape.go, scrapeLoopAppender.append: the options that Prometheus has by default. Where no content type is named a pod
// takes text, as a target does with fallback_scrape_protocol.
func newParser(text []byte, contentType string) (textparse.Parser, error) {
	o := textparse.ParserOptions{}
	if contentType == "" {
		o.FallbackContentType = "text/plain"
	}
	p, err := textparse.New(text, contentType, labels.NewSymbolTable(), o)
	if p != nil {
		return p, nil
	}
	return nil, err
}
