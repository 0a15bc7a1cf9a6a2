"""The simulated Apple device's MDM client: enrolment, check-in and the command loop, as they are on the wire.

Read `profiles` and `enrollment` for what a `.mobileconfig` asks for, `enroll` for how a device follows it, `loop` for
what happens afterwards. There is no APNs here: a device asks its server when it is told to.
"""
