/**
 * What the gate's program does, for each machine that we know: where the file at `path`, which follows the code, may not be executed, it exits with
 * 1; else it becomes the program that its arguments name, looked up in PATH as a shell would, and without arguments exits with 0. Bytes as they lie
 * in memory, each line with the instruction that GNU as made them of.
 */
const listings: Readonly<Record<string, { readonly machine: number; readonly text: string }>> = {
  amd64: {
    machine: 62,
    text: `
  4889e5            mov rbp, rsp
  b815000000        mov eax, 21                           ; access(path, X_OK)
  488d3dbb000000    lea rdi, [rip + path]
  be01000000        mov esi, 1
  0f05              syscall
  bf01000000        mov edi, 1                            ; closed
  85c0              test eax, eax
  0f85a0000000      jnz exit
  31ff              xor edi, edi
  488b5d10          mov rbx, [rbp + 16]                   ; argv[1]
  4885db            test rbx, rbx
  0f8491000000      jz exit
  488b4500          mov rax, [rbp]
  4c8d6510          lea r12, [rbp + 16]                   ; what is asked behind the gate
  4d8d2cc4          lea r13, [r12 + rax*8]                ; envp
  4889de            mov rsi, rbx
                  slash:
  ac                lodsb
  3c2f              cmp al, '/'
  7468              je direct
  84c0              test al, al
  75f7              jnz slash
  4c89ea            mov rdx, r13
                  variable:
  488b32            mov rsi, [rdx]
  4883c208          add rdx, 8
  4885f6            test rsi, rsi
  7465              jz fail
  813e50415448      cmp dword ptr [rsi], 0x48544150       ; "PATH"
  75ec              jne variable
  807e043d          cmp byte ptr [rsi + 4], '='
  75e6              jne variable
  4c8d7605          lea r14, [rsi + 5]
  4881ec00000800    sub rsp, 0x80000                      ; room for a directory and the name
                  directory:
  4c89f6            mov rsi, r14
  4889e7            mov rdi, rsp
                  letter:
  ac                lodsb
  84c0              test al, al
  7407              jz ended
  3c3a              cmp al, ':'
  7403              je ended
  aa                stosb
  ebf4              jmp letter
                  ended:
  440fb6f8          movzx r15d, al
  4989f6            mov r14, rsi
  b02f              mov al, '/'
  aa                stosb
  4889de            mov rsi, rbx
                  copy:
  ac                lodsb
  aa                stosb
  84c0              test al, al
  75fa              jnz copy
  4889e7            mov rdi, rsp
  4c89e6            mov rsi, r12
  4c89ea            mov rdx, r13
  b83b000000        mov eax, 59                           ; execve
  0f05              syscall
  4585ff            test r15d, r15d
  75c6              jnz directory
  eb10              jmp fail
                  direct:
  4889df            mov rdi, rbx
  4c89e6            mov rsi, r12
  4c89ea            mov rdx, r13
  b83b000000        mov eax, 59                           ; execve
  0f05              syscall
                  fail:
  bf7f000000        mov edi, 127                          ; there is no such program
                  exit:
  b83c000000        mov eax, 60                           ; exit
  0f05              syscall
`,
  },
  arm64: {
    machine: 183,
    text: `
  f3030091          mov x19, sp
  600c8092          mov x0, #-100
  c1070010          adr x1, path
  220080d2          mov x2, #1
  030080d2          mov x3, #0
  080680d2          mov x8, #48                           ; faccessat(AT_FDCWD, path, X_OK)
  010000d4          svc #0
  c00600b5          cbnz x0, closed
  740a40f9          ldr x20, [x19, #16]                   ; argv[1]
  b40600b4          cbz x20, exit
  690240f9          ldr x9, [x19]
  75420091          add x21, x19, #16                     ; what is asked behind the gate
  b60e098b          add x22, x21, x9, lsl #3              ; envp
  ea0314aa          mov x10, x20
                  slash:
  4b154038          ldrb w11, [x10], #1
  7fbd0071          cmp w11, #'/'
  c0040054          b.eq direct
  abffff35          cbnz w11, slash
  ea0316aa          mov x10, x22
  0d2a8852          mov w13, #0x4150                      ; "PATH"
  8d0aa972          movk w13, #0x4854, lsl #16
                  variable:
  4c8540f8          ldr x12, [x10], #8
  ac0400b4          cbz x12, fail
  8b0140b9          ldr w11, [x12]
  7f010d6b          cmp w11, w13
  81ffff54          b.ne variable
  8b114039          ldrb w11, [x12, #4]
  7ff50071          cmp w11, #'='
  21ffff54          b.ne variable
  97150091          add x23, x12, #5
  ff0342d1          sub sp, sp, #0x80, lsl #12            ; room for a directory and the name
                  directory:
  ea0317aa          mov x10, x23
  eb030091          mov x11, sp
                  letter:
  4c154038          ldrb w12, [x10], #1
  ac000034          cbz w12, ended
  9fe90071          cmp w12, #':'
  60000054          b.eq ended
  6c150038          strb w12, [x11], #1
  fbffff17          b letter
                  ended:
  f8030c2a          mov w24, w12
  f7030aaa          mov x23, x10
  ec058052          mov w12, #'/'
  6c150038          strb w12, [x11], #1
  ea0314aa          mov x10, x20
                  copy:
  4c154038          ldrb w12, [x10], #1
  6c150038          strb w12, [x11], #1
  ccffff35          cbnz w12, copy
  e0030091          mov x0, sp
  e10315aa          mov x1, x21
  e20316aa          mov x2, x22
  a81b80d2          mov x8, #221                          ; execve
  010000d4          svc #0
  78fdff35          cbnz w24, directory
  06000014          b fail
                  direct:
  e00314aa          mov x0, x20
  e10315aa          mov x1, x21
  e20316aa          mov x2, x22
  a81b80d2          mov x8, #221                          ; execve
  010000d4          svc #0
                  fail:
  e00f80d2          mov x0, #127                          ; there is no such program
  02000014          b exit
                  closed:
  200080d2          mov x0, #1
                  exit:
  a80b80d2          mov x8, #93                           ; exit
  010000d4          svc #0
`,
  },
};

/** Its code for a machine, and the number that ELF has for that. Undefined for machines that we know no code for. */
export function gateCode(
  architecture: string,
): { readonly machine: number; readonly text: Buffer } | undefined {
  const listing = Object.hasOwn(listings, architecture) ? listings[architecture] : undefined;
  if (!listing) return undefined;
  const bytes = listing.text.split("\n").map((line) => /^ {2}([0-9a-f]+) /.exec(line)?.[1] ?? "");
  return { machine: listing.machine, text: Buffer.from(bytes.join(""), "hex") };
}
