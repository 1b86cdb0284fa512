"""Drafts made by rule or asked of a teacher, one file a way. Pure: knows no store, no network and no clock.

``schema`` tries a tool's schema out, ``templates`` fills slots, ``variants`` rewrites scenarios that are there,
``teacher`` says what to ask of a model and reads its answer. Whatever comes out is a draft that says where it is from.
"""
