#!/bin/sh
# Joins the operations that were compiled for several instruction sets, so that one program holds them all and calls
# those of its processor (src/dgl/ops/kernel_set.cpp).
#
#   kernel_sets.sh join NM LD OBJCOPY SET OUT.o OBJECT...
#     The objects of a set as one, in which each function of the library that others may call has the prefix
#     dgl_SET_, and everything else is local: the templates and inline functions that were compiled for this set cannot
#     take the place of those of another. OUT.o.functions has the functions' names.
#   kernel_sets.sh dispatch OUT.S SET.functions SET...
#     Assembly code: for each function a jump through a table, which a constructor fills.
set -eu

work=$1
shift
case $work in
  join)
    nm=$1 ld=$2 objcopy=$3 set=$4 out=$5
    shift 5
    "$ld" -r --force-group-allocation -o "$out.joined" "$@"
    "$nm" --defined-only --format=posix "$out.joined" | awk '$2 == "T" { print $1 }' | LC_ALL=C sort > "$out.functions"
    awk -v set="$set" '{ print $1, "dgl_" set "_" $1 }' "$out.functions" > "$out.renamed"
    awk '{ print $2 }' "$out.renamed" > "$out.global"
    "$objcopy" --redefine-syms="$out.renamed" "$out.joined"
    "$objcopy" --keep-global-symbols="$out.global" "$out.joined" "$out"
    rm "$out.joined"
    ;;
  dispatch)
    out=$1 functions=$2
    shift 2
    awk -v sets="$*" '
      { names[++count] = $1 }
      END {
        print "  .text"
        for (i = 1; i <= count; ++i) {
          printf "  .globl %s\n  .type %s, @function\n  .p2align 4\n%s:\n", names[i], names[i], names[i]
          printf "  .cfi_startproc\n  endbr64\n  jmp *dgl_kernels+%d(%%rip)\n  .cfi_endproc\n", 8 * (i - 1)
          printf "  .size %s, .-%s\n", names[i], names[i]
        }
        n = split(sets, each, " ")
        print "  .data\n  .globl dgl_kernels\n  .hidden dgl_kernels\n  .p2align 3\ndgl_kernels:"
        for (i = 1; i <= count; ++i) printf "  .quad dgl_%s_%s\n", each[1], names[i]
        print "  .section .data.rel.ro, \"aw\"\n  .p2align 3"
        for (s = 1; s <= n; ++s) {
          printf "dgl_table_%s:\n", each[s]
          for (i = 1; i <= count; ++i) printf "  .quad dgl_%s_%s\n", each[s], names[i]
        }
        print "  .globl dgl_kernel_tables\n  .hidden dgl_kernel_tables\ndgl_kernel_tables:"
        for (s = 1; s <= n; ++s) printf "  .quad dgl_table_%s\n", each[s]
        print "  .section .rodata\n  .p2align 3\n  .globl dgl_kernel_count\n  .hidden dgl_kernel_count"
        printf "dgl_kernel_count:\n  .quad %d\n", count
        print "  .section .init_array.00101, \"aw\"\n  .p2align 3\n  .quad dgl_choose_kernels"
        print "  .section .note.GNU-stack, \"\", @progbits"
      }' "$functions" > "$out"
    ;;
esac
