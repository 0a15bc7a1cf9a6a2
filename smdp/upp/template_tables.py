"""The file system templates, as tables (TCA Interoperable Format, Annex A; the newest version of each).

A line is: member tag, name, FID (the first of a range), type and size, then as far as the template has them: s SFI,
a record of EF.ARR, = default content, and in brackets what a package must give: M the member, c content, s size,
f SFI. Types: TR transparent, LF linear fixed, CY cyclic (records x length), BT BER-TLV, MF, DF, ADF. In a default,
`XX*` repeats a byte and `(XXXX)*` a pattern over the rest of each record.
"""

TABLES = {
    "mf": """
A2 mf 3F00 MF a14 [M]
A3 pl 2F05 TR2 s05 a1 =FF*
A4 iccid 2FE2 TR10 a11 [Mc]
A5 dir 2F00 LF?x? s1E a10 [Mcs]
A6 arr 2F06 LF?x? a10 [Mcs]
A7 umpc 2F08 TR5 s08 a10
""",
    "cd": """
A2 df-cd 7F11 DF a14 [M]
A3 launchpad 6F01 TR? a2 [cs]
A4 icon 6F40-7E TR? a2 [cs]
""",
    "telecom": """
A2 df-telecom 7F10 DF a14 [M]
A3 arr 6F06 LF?x? a10 [cs]
A4 rma 6F53 LF?x? a3 [cs]
A5 sume 6F54 TR22 a3 [c]
A6 ice-dn 6FE0 LF50x24 a9 =FF*
A7 ice-ff 6FE1 LF?x? a9 =FF* [s]
A8 psismsc 6FE5 LF?x? a5 [cs]
A9 df-graphics 5F50 DF a14
AA img 4F20 LF?x? a2 =00FF* [s]
AB iidf 4F40-7F TR? a2 =FF* [s]
AC ice-graphics 4F21 BT? a9 [s]
AD launch-scws 4F01 TR? a10 [cs]
AE icon 4F80-BF TR? a10 [cs]
AF df-phonebook 5F3A DF a14
B0 pbr 4F30 LF?x? a2 [cs]
B1 ext1 4F38-3F LF?x13 a5 =00FF* [sf]
B2 aas 4F40-47 LF?x? a5 =FF* [s]
B3 gas 4F48-4F LF?x? a5 =FF* [s]
B4 psc 4F22 TR4 a5 =00000000 [f]
B5 cc 4F23 TR2 a5 =0000 [f]
B6 puid 4F24 TR2 a5 =0000 [f]
B7 iap 4F50-57 LF?x? a5 =FF* [sf]
B8 adn 4F58-5F LF?x? a5 =FF* [sf]
B9 pbc 4F60-67 LF?x2 a5 =00* [sf]
BA anr 4F68-6F LF?x? a5 =FF* [sf]
BB puri 4F70-77 LF?x? a5 [csf]
BC email 4F78-7F LF?x? a5 =FF* [sf]
BD sne 4F80-87 LF?x? a5 =FF* [sf]
BE uid 4F88-8F LF?x2 a5 =0000 [sf]
BF1F grp 4F90-97 LF?x? a5 =00* [sf]
BF20 ccp1 4F98-9F LF?x? a5 =FF* [sf]
BF21 df-multimedia 5F3B DF a14
BF22 mml 4F47 BT? a5 [s]
BF23 mmdf 4F48 BT? a5 [s]
BF24 df-mmss 5F3C DF a14
BF25 mlpl 4F20 TR? s01 a2 [cs]
BF26 mspl 4F21 TR? s02 a2 [cs]
BF27 mmssmode 4F22 TR1 s03 a2 [c]
BF28 df-mcs 5F3D DF a14
BF29 mst 4F01 TR? s01 a2 [cs]
BF2A mcs-config 4F02 BT? s02 a2 [cs]
BF2B df-v2x 5F3E DF a14
BF2C vst 4F01 TR? s01 a2 [cs]
BF2D v2x-config 4F02 BT? s02 a2 [cs]
BF2E v2xp-pc5 4F03 TR? a2 [cs]
BF2F v2xp-uu 4F04 TR? a2 [cs]
""",
    "usim": """
A2 adf-usim plan ADF a14 [M]
A3 imsi 6F07 TR9 s07 a2 [Mc]
A4 arr 6F06 LF?x? s17 a10 [Mcs]
A5 keys 6F08 TR33 s08 a5 =07FF*
A6 keysps 6F09 TR33 s09 a5 =07FF*
A7 hpplmn 6F31 TR1 s12 a2 =0A
A8 ust 6F38 TR14 s04 a2 [Mc]
A9 fdn 6F3B LF20x26 a8 =FF*
AA sms 6F3C LF10x176 a5 =00FF*
AB smsp 6F42 LF1x38 a5 =FF*
AC smss 6F43 TR2 a5 =FFFF
AD spn 6F46 TR17 a10 [Mc]
AE est 6F56 TR1 s05 a8 [Mc]
AF start-hfn 6F5B TR6 s0F a5 =F00000F00000
B0 threshold 6F5C TR3 s10 a2 =FFFFFF
B1 psloci 6F73 TR14 s0C a5 =FFFFFFFFFFFFFFFFFFFF0000FF01
B2 acc 6F78 TR2 s06 a2 [Mc]
B3 fplmn 6F7B TR12 s0D a5 =FF*
B4 loci 6F7E TR11 s0B a5 =FFFFFFFFFFFFFF0000FF01
B5 ad 6FAD TR4 s03 a10 =00000002
B6 ecc 6FB7 LF1x4 s01 a10 [Mc]
B7 netpar 6FC4 TR128 a5 =FF*
B8 epsloci 6FE3 TR18 s1E a5 =FFFFFFFFFFFFFFFFFFFFFFFFFFFFFF000001
B9 epsnsc 6FE4 LF1x80 s18 a5 =FF*
""",
    "opt-usim": """
A2 li 6F05 TR6 s02 a1 =FF*
A3 acmax 6F37 TR3 a5 =000000
A4 acm 6F39 CY1x3 a7 =000000
A5 gid1 6F3E TR8 a2 [c]
A6 gid2 6F3F TR8 a2 [c]
A7 msisdn 6F40 LF1x24 a2 =FF*
A8 puct 6F41 TR5 a5 =(FFFFFF0000)*
A9 cbmi 6F45 TR10 a5 =FF*
AA cbmid 6F48 TR10 s0E a2 =FF*
AB sdn 6F49 LF10x24 a2 =FF*
AC ext2 6F4B LF10x13 a8 =00FF*
AD ext3 6F4C LF10x13 a2 =00FF*
AE cbmir 6F50 TR20 a5 =FF*
AF plmnwact 6F60 TR40 s0A a5 =(FFFFFF0000)*
B0 oplmnwact 6F61 TR40 s11 a2 =(FFFFFF0000)*
B1 hplmnwact 6F62 TR5 s13 a2 =(FFFFFF0000)*
B2 dck 6F2C TR16 a5 =FF*
B3 cnl 6F32 TR30 a2 =FF*
B4 smsr 6F47 LF10x30 a5 =00FF*
B5 bdn 6F4D LF10x25 a8 =FF*
B6 ext5 6F4E LF10x13 a5 =00FF*
B7 ccp2 6F4F LF5x15 s16 a5 =FF*
B8 ext4 6F55 LF10x13 a8 =00FF*
B9 acl 6F57 TR101 a8 =00FF*
BA cmi 6F58 LF10x11 a2 =FF*
BB ici 6F80 CY20x38 s14 a5 =FF*0000000001FFFF
BC oci 6F81 CY20x37 s15 a5 =FF*00000001FFFF
BD ict 6F82 CY1x3 a7 =000000
BE oct 6F83 CY1x3 a7 =000000
BF1F vgcs 6FB1 TR20 a2 [c]
BF20 vgcss 6FB2 TR7 a5 [c]
BF21 vbs 6FB3 TR20 a2 [c]
BF22 vbss 6FB4 TR7 a5 [c]
BF23 emlpp 6FB5 TR2 a2 [c]
BF24 aaem 6FB6 TR1 a5 =00
BF25 hiddenkey 6FC3 TR4 a5 =FF*
BF26 pnn 6FC5 LF10x16 s19 a10 [c]
BF27 opl 6FC6 LF5x8 s1A a10 [c]
BF28 mbdn 6FC7 LF3x24 a5 [c]
BF29 ext6 6FC8 LF10x13 a5 =00FF*
BF2A mbi 6FC9 LF10x5 a5 [c]
BF2B mwis 6FCA LF10x6 a5 =00*
BF2C cfis 6FCB LF10x16 a5 =0100FF*
BF2D ext7 6FCC LF10x13 a5 =00FF*
BF2E spdi 6FCD TR17 s1B a2 [c]
BF2F mmsn 6FCE LF10x6 a5 =000000FF*
BF30 ext8 6FCF LF10x13 a5 =00FF*
BF31 mmsicp 6FD0 TR100 a2 =FF*
BF32 mmsup 6FD1 LF?x? a5 =FF* [s]
BF33 mmsucp 6FD2 TR100 a5 =FF*
BF34 nia 6FD3 LF5x11 a2 =FF*
BF35 vgcsca 6FD4 TR? a2 =00* [s]
BF36 vbsca 6FD5 TR? a2 =00* [s]
BF37 gbabp 6FD6 TR? a5 =FF* [s]
BF38 msk 6FD7 LF?x? a2 =FF* [s]
BF39 muk 6FD8 LF?x? a2 =FF* [s]
BF3A ehplmn 6FD9 TR15 s1D a2 =FF*
BF3B gbanl 6FDA LF?x? a2 =FF* [s]
BF3C ehplmnpi 6FDB TR1 a2 =00
BF3D lrplmnsi 6FDC TR1 a2 =00
BF3E nafkca 6FDD LF?x? a2 =FF* [s]
BF3F spni 6FDE TR? a10 =00FF* [s]
BF40 pnni 6FDF LF?x? a10 =00FF* [s]
BF41 ncp-ip 6FE2 LF?x? a2 [cs]
BF42 ufc 6FE6 TR30 a10 =801E60C01E900080040000000000000000F0000000004000000000000080
BF43 nasconfig 6FE8 TR18 a2 [c]
BF44 uicciari 6FE7 LF?x? a2 [cs]
BF45 pws 6FEC TR? a10 [cs]
BF46 fdnuri 6FED LF?x? a8 =FF* [s]
BF47 bdnuri 6FEE LF?x? a8 =FF* [s]
BF48 sdnuri 6FEF LF?x? a2 =FF* [s]
BF49 ial 6FF0 LF?x? a3 =FF* [s]
BF4A ips 6FF1 CY?x4 a10 =FF* [s]
BF4B ipd 6FF2 LF?x? a3 =FF* [s]
BF4C epdgid 6FF3 TR? a2 [cs]
BF4D epdgselection 6FF4 TR? a2 [cs]
BF4E epdgidem 6FF5 TR? a2 [cs]
BF4F epdgselectionem 6FF6 TR? a2 [cs]
BF50 frompreferred 6FF7 TR1 a2 =00
BF51 imsconfigdata 6FF8 BT? a2 [cs]
BF52 3gpppsdataoff 6FF9 TR4 a2 [c]
BF53 3gpppsdataoffservicelist 6FFA LF?x? a2 [cs]
BF54 xcapconfigdata 6FFC BT? a2 [cs]
BF55 earfcnlist 6FFD TR? a10 [cs]
BF56 mudmidconfigdata 6FFE BT? a2 [cs]
BF57 eaka 6F01 TR1 a3 [c]
""",
    "isim": """
A2 adf-isim plan ADF a14 [M]
A3 impi 6F02 TR? s02 a2 [Mcs]
A4 impu 6F04 LF1x? s04 a2 [Mcs]
A5 domain 6F03 TR? s05 a2 [Mcs]
A6 ist 6F07 TR14 s07 a2 [Mc]
A7 ad 6FAD TR3 s03 a10 =000000
A8 arr 6F06 LF?x? s06 a10 [Mcs]
""",
    "opt-isim": """
A2 pcscf 6F09 LF1x? a2 [cs]
A3 sms 6F3C LF10x176 a5 =00FF*
A4 smsp 6F42 LF1x38 a5 =FF*
A5 smss 6F43 TR2 a5 =FFFF
A6 smsr 6F47 LF10x30 a5 =00FF*
A7 gbabp 6FD5 TR? a5 =FF* [s]
A8 gbanl 6FD7 LF?x? a2 =FF* [s]
A9 nafkca 6FDD LF?x? a2 =FF* [s]
AA uicciari 6FE7 LF?x? a2 [cs]
AB frompreferred 6FF7 TR1 a2 =00
AC imsconfigdata 6FF8 BT? a2 [cs]
AD xcapconfigdata 6FFC BT? a2 [cs]
AE webrtcuri 6FFA LF?x? a2 [cs]
AF mudmidconfigdata 6FFE BT? a2 [cs]
""",
    "gsm-access": """
A2 df-gsm-access 5F3B DF a14 [M]
A3 kc 4F20 TR9 s01 a5 =FF*07
A4 kcgprs 4F52 TR9 s02 a5 =FF*07
A5 cpbcch 4F63 TR10 a5 =FF*
A6 invscan 4F64 TR1 a2 =00
""",
    "df-5gs": """
A2 df-5gs 5FC0 DF a14 [M]
A3 5gs3gpploci 4F01 TR20 s01 a5 =FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000001
A4 5gsn3gpploci 4F02 TR20 s02 a5 =FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000001
A5 5gs3gppnsc 4F03 LF2x62 s03 a5 =FF*
A6 5gsn3gppnsc 4F04 LF2x62 s04 a5 =FF*
A7 5gauthkeys 4F05 TR110 s05 a5 [c]
A8 uac-aic 4F06 TR4 s06 a2 [c]
A9 suci-calc-info 4F07 TR? s07 a2 =FF* [s]
AA opl5g 4F08 LF?x10 s08 a10 =FF* [s]
AB supinai 4F09 TR? s09 a2 [cs]
AC routing-indicator 4F0A TR4 s0A a2 =F0FF0000
AD ursp 4F0B BT? a2 [s]
AE tn3gppsnn 4F0C TR1 s0C a2 =00
AF cag 4F0D TR2 s0D a2 [c]
B0 sor-cmci 4F0E TR? s0E a2 [cs]
B1 dri 4F0F TR7 s0F a2 [c]
B2 5gsedrx 4F10 TR2 s10 a2 [c]
B3 5gnswo-conf 4F11 TR1 s11 a2 [c]
B4 mchpplmn 4F15 TR1 s15 a2 [c]
B5 kausf-derivation 4F16 TR1 s16 a2 [c]
""",
    "df-saip": """
A2 df-saip 5FD0 DF a14 [M]
A3 suci-calc-info-usim 4F01 TR? a3 =FF* [s]
""",
    "csim": """
A2 adf-csim plan ADF a14 [M]
""",
    "eap": """
A2 df-eap ? DF a14 [M]
""",
}
"""By element name. Of csim and eap only the root is known: their files are read from the Fcp that a package gives."""
