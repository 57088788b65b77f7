// A file system that shows a folder, by FUSE: stopped (SIGSTOP) it hangs as a dead network mount does, continued it answers again. With a
// second number it is slow: so many bytes a second. Arguments: the folder, where to mount it, bytes a second (0: as fast as it can).
// It prints "mounted" when it is; it ends, and unmounts, on SIGTERM.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var bytesPerSecond int

type node struct{ fs.LoopbackNode }

type file struct{ fs.FileHandle }

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, _, errno := n.LoopbackNode.Open(ctx, flags)
	return &file{handle}, fuse.FOPEN_DIRECT_IO, errno
}

func (f *file) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if bytesPerSecond > 0 {
		time.Sleep(time.Duration(len(dest)) * time.Second / time.Duration(bytesPerSecond))
	}
	return f.FileHandle.(fs.FileReader).Read(ctx, dest, off)
}

func (f *file) Getattr(ctx context.Context, out *fuse.AttrOut) syscall.Errno {
	return f.FileHandle.(fs.FileGetattrer).Getattr(ctx, out)
}

func (f *file) Release(ctx context.Context) syscall.Errno {
	return f.FileHandle.(fs.FileReleaser).Release(ctx)
}

func main() {
	bytesPerSecond, _ = strconv.Atoi(os.Args[3])
	root := &fs.LoopbackRoot{Path: os.Args[1]}
	root.NewNode = func(data *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &node{fs.LoopbackNode{RootData: data}}
	}
	root.RootNode = root.NewNode(root, nil, "", nil)
	none := time.Duration(0)
	options := &fs.Options{AttrTimeout: &none, EntryTimeout: &none}
	options.DirectMount = true
	options.FsName = "hanging"
	server, err := fs.Mount(os.Args[2], root.RootNode, options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		_ = server.Unmount()
	}()
	fmt.Println("mounted")
	server.Wait()
}
