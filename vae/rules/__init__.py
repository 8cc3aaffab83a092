"""The rules of what goes together, each checked as early as possible and refused in one sentence.

    config.check_config    needs the configuration alone
    data.check_data        needs the data, too
    model.check_model      needs the model that was built

A rule of one part alone, such as which values a likelihood takes, is the part's own.
"""
